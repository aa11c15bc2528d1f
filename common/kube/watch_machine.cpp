// The decisions are those of client-go's reflector; where they differ the comment says why.
#include "common/kube/watch_machine.hpp"

#include <algorithm>
#include <utility>

namespace pgw::kube {

namespace {

constexpr std::string_view any_version = "0";

bool is_version_lost(const error& why) {
    return why.kind == error_kind::expired || why.kind == error_kind::too_large_version;
}

}  // namespace

watch_step watch_machine::start() {
    return list();
}

watch_step watch_machine::list() const {
    if (unavailable_) return list_action{"", in_one_answer_ ? 0 : page_size};
    if (resource_version_.empty()) return list_action{std::string(any_version), page_size};
    // A limit would take the request past the watch cache to etcd, from every client at once.
    return list_action{resource_version_, 0};
}

watch_step watch_machine::watch(base::time_point now, std::uint32_t random) {
    state_ = state::watching;
    watch_began_ = now;
    progressed_ = false;
    stream_error_.reset();
    trust_versions_ = !resource_version_.empty() && resource_version_ != any_version;
    const auto choices = static_cast<std::uint32_t>(
        (timing_.longest_timeout - timing_.shortest_timeout).count() + 1
    );
    const auto timeout = timing_.shortest_timeout + base::seconds{random % choices};
    return watch_action{resource_version_, timeout, timeout + timing_.grace};
}

watch_step watch_machine::wait(const error* why, base::time_point now, std::uint32_t random) {
    if (last_wait_ && now - *last_wait_ > calm) backoff_.reset();
    auto delay = backoff_.next(random);
    if (why != nullptr && why->retry_after) {
        delay = std::max(delay, std::min<base::milliseconds>(*why->retry_after, longest_ask));
    }
    last_wait_ = now + delay;
    return wait_action{delay};
}

watch_step watch_machine::on_listed(
    std::string resource_version, base::time_point now, std::uint32_t random
) {
    // expired_before_ stays: only an event proves that the version of this list can be watched.
    resource_version_ = std::move(resource_version);
    unavailable_ = false;
    in_one_answer_ = false;
    failing_since_.reset();
    return watch(now, random);
}

watch_step watch_machine::on_list_failed(
    const error& why, base::time_point now, std::uint32_t random
) {
    state_ = state::listing;
    if (why.kind == error_kind::stopped) {
        state_ = state::ended;
        return end_action{};
    }
    if (!is_version_lost(why)) {
        // Perhaps it was too much for one answer.
        in_one_answer_ = false;
        return wait(&why, now, random);
    }
    // Without delay, but each step only once: first the latest version, and when the pages of that
    // expire under way, all of it in one answer.
    const bool was_paged = unavailable_ || resource_version_.empty();
    if (unavailable_ && in_one_answer_) return wait(&why, now, random);
    unavailable_ = true;
    in_one_answer_ = was_paged;
    return list();
}

watch_step watch_machine::on_waited(base::time_point now, std::uint32_t random) {
    switch (state_) {
        case state::listing:
            return list();
        case state::watching:
            return watch(now, random);
        case state::ended:
            break;
    }
    return end_action{};
}

event_verdict watch_machine::on_event(
    std::string_view type, std::string_view resource_version, std::optional<error> status
) {
    if (type == "ERROR") {
        stream_error_ = status ? std::move(*status) : error{};
        return event_verdict::ends;
    }
    const bool added = type == "ADDED";
    const bool changed = added || type == "MODIFIED";
    const bool removed = type == "DELETED";
    if (!changed && !removed && type != "BOOKMARK") return event_verdict::ignored;
    progressed_ = true;
    expired_before_ = false;
    failing_since_.reset();
    // A watch from no version or any begins with the present objects as ADDED, in no order: going
    // on from one of their versions would leave others out.
    if (!added) trust_versions_ = true;
    if (trust_versions_ && !resource_version.empty()) resource_version_ = resource_version;
    if (removed) return event_verdict::removed;
    return changed ? event_verdict::changed : event_verdict::ignored;
}

watch_step watch_machine::on_stream_end(
    const error* why, base::time_point now, std::uint32_t random
) {
    if (stream_error_) {
        // A copy: the machine clears its own when the next watch begins.
        const auto said = *std::exchange(stream_error_, std::nullopt);
        return on_watch_failed(said, now, random);
    }
    if (why != nullptr) return on_watch_failed(*why, now, random);
    if (progressed_ || now - watch_began_ >= short_watch) {
        expired_before_ = false;
        failing_since_.reset();
        return watch(now, random);
    }
    // A server that closes each watch at once, in order, would otherwise be asked without a pause.
    error too_short;
    too_short.kind = error_kind::unavailable;
    return on_watch_failed(too_short, now, random);
}

watch_step watch_machine::on_watch_failed(
    const error& why, base::time_point now, std::uint32_t random
) {
    switch (why.kind) {
        case error_kind::stopped:
            state_ = state::ended;
            return end_action{};
        case error_kind::expired:
            // A list at the last version is not older than what was seen, and cheap. When the watch
            // after it expires as well, it did not help: the next one is of the latest version.
            state_ = state::listing;
            unavailable_ = std::exchange(expired_before_, true);
            break;
        case error_kind::too_large_version:
            state_ = state::listing;
            unavailable_ = true;
            break;
        case error_kind::transport:
        case error_kind::throttled:
            // The server is not up to it: a list would only cost it more. client-go does so when
            // the connection is refused; other ways to lose it tell no more about the version.
            state_ = state::watching;
            break;
        default:
            // A watch that lasted for a while before it failed is not a part of the same trouble.
            if (!failing_since_ || now - watch_began_ >= patience) failing_since_ = now;
            state_ = now - *failing_since_ >= patience ? state::listing : state::watching;
            if (state_ == state::listing) failing_since_.reset();
            break;
    }
    return wait(&why, now, random);
}

}  // namespace pgw::kube
