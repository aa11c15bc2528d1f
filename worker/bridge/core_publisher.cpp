// Routing, submission and results.
#include "worker/bridge/core_publisher.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace pgw::bridge {

core_publisher::core_publisher(
    const manifest::gateway& gateway, publisher_environment environment, publisher_metrics& metrics
)
    : gateway_(gateway), environment_(std::move(environment)), metrics_(metrics) {
    routes_.reserve(gateway.routes.publish.size());
    for (const auto& spec : gateway.routes.publish) {
        const auto upstream = std::find_if(
            gateway.upstreams.begin(),
            gateway.upstreams.end(),
            [&](const manifest::upstream& u) { return u.name == spec.upstream; }
        );
        route compiled(spec);
        // One anonymous link serves every value of a variable address.
        const auto address = compiled.address_is_constant() ? spec.address : std::string();
        compiled.at_most_once = &lane_for(*upstream, address, true);
        compiled.at_least_once = &lane_for(*upstream, address, false);
        if (spec.on_refused.type == manifest::on_refused_type::dead_letter) {
            compiled.dead_letter = &lane_for(*upstream, spec.on_refused.dead_letter_address, false);
        }
        routes_.push_back(std::move(compiled));
    }
}

core_publisher::~core_publisher() {
    lanes_.clear();
    for (auto& [id, last] : queues_) {
        for (auto* stream = last; stream != nullptr;) {
            delete std::exchange(stream, stream->predecessor);
        }
    }
}

lane& core_publisher::lane_for(
    const manifest::upstream& upstream, const std::string& address, bool presettled
) {
    for (auto& placed : lanes_) {
        if (placed.upstream == upstream.name && placed.address == address &&
            placed.lane->presettled() == presettled) {
            return *placed.lane;
        }
    }
    auto& uplink = environment_.uplinks(upstream.name);
    auto created = std::make_unique<lane>(
        uplink,
        amqp::sender_options{address, presettled},
        upstream.limits,
        amqp::profile_of(upstream.type),
        *upstream_of(uplink).quarantine,
        *this
    );
    lanes_.push_back({upstream.name, &uplink, address, std::move(created)});
    return *lanes_.back().lane;
}

core_publisher::used_upstream& core_publisher::upstream_of(amqp::uplink& uplink) {
    for (auto& used : upstreams_) {
        if (used.uplink == &uplink) return used;
    }
    upstreams_.push_back({&uplink, std::make_unique<quarantine>()});
    return upstreams_.back();
}

stream_handle core_publisher::open(publication_sink& sink, client_info client, bool can_refuse) {
    auto opened = std::make_unique<core_stream>(*this, sink, std::move(client), can_refuse);
    // A device that comes will want to publish: an upstream that is away is tried again sooner.
    for (const auto& used : upstreams_) used.uplink->want();
    if (!queues_.empty()) {
        if (const auto found = queues_.find(opened->client.client_id); found != queues_.end()) {
            opened->predecessor = found->second;
            found->second->successor = opened.get();
            found->second = opened.get();
        }
    }
    return stream_handle(opened.release());
}

submission core_publisher::publish(stream& stream, const message& message, base::time_point now) {
    auto& from = static_cast<core_stream&>(stream);
    if (from.predecessor != nullptr) {
        wait(from);
        return {submit_status::blocked, 0, {}};
    }
    const route* matched = nullptr;
    captures captured;
    for (const auto& candidate : routes_) {
        if (candidate.matches(message.topic, captured)) {
            matched = &candidate;
            break;
        }
    }
    if (matched == nullptr) {
        metrics_.received.add();
        metrics_.unmatched.add();
        if (gateway_.routes.unmatched == manifest::unmatched_policy::discard) {
            metrics_.discarded.add();
            return {};
        }
        return refuse(nullptr, from.can_refuse, refusal::no_route, "no route matches the topic");
    }
    // Each kind has links of its own: a settle mode is the link's, and QoS 0 without credit must
    // not wait behind QoS 1.
    const bool presettled = message.assurance == assurance::at_most_once;
    auto& lane = presettled ? *matched->at_most_once : *matched->at_least_once;
    const message_key key{environment_.incarnation, ++keys_};
    const auto envelope = matched->expand(captured, message, from.client, key, expansion_);
    if (!envelope) {
        metrics_.received.add();
        return refuse(matched, from.can_refuse, refusal::no_route, "the topic makes no address");
    }
    const auto bound = encoded_bound(message, from.client, *envelope);
    if (!lane.fits(bound)) {
        metrics_.received.add();
        return refuse(matched, from.can_refuse, refusal::quota, "larger than maxUnsettledBytes");
    }
    const auto buffer = lane.reserve(bound);
    if (buffer.empty()) {
        wait(from);
        return {submit_status::blocked, 0, {}};
    }
    metrics_.received.add();
    const auto encoded = encode(buffer, message, from.client, *envelope);
    if (encoded.size > buffer.size()) {
        // The bound forgot something: better to refuse than to send what was cut off and have it
        // accepted. Nothing was committed.
        metrics_.bound_exceeded.add();
        return refuse(matched, from.can_refuse, refusal::unspecified, "cannot be encoded");
    }
    publication what;
    what.route = matched;
    what.submitted = now;
    what.ttl_offset = encoded.ttl_offset;
    what.ttl = message.expiry_seconds ? ttl_milliseconds(*message.expiry_seconds) : 0;
    if (!presettled) {
        what.stream = &from;
        what.sequence = from.next_sequence;
        what.strict = matched->strict();
    }
    if (!lane.submit(what, encoded.size)) {
        return refuse(matched, from.can_refuse, refusal::quota, "larger than the upstream takes");
    }
    if (presettled) return {};
    ++from.in_flight;
    return {submit_status::taken, from.next_sequence++, {}};
}

// A refusal that is known at once. For senders that cannot be told, the route decides.
submission core_publisher::refuse(
    const route* route, bool can_refuse, refusal why, std::string_view text
) {
    auto silent = silent_refusal::disconnect;
    if (!can_refuse && route != nullptr &&
        route->spec().on_refused.type == manifest::on_refused_type::discard) {
        silent = silent_refusal::acknowledge;
        metrics_.discarded.add();
    }
    metrics_.refused.add();
    return {submit_status::done, 0, {result_class::refused, why, silent, text}};
}

void core_publisher::wait(core_stream& stream) {
    if (stream.waiting) return;
    stream.waiting = true;
    waiting_.push_back(&stream);
}

// Whether the refused publication is now on its way to the route's dead letter address.
bool core_publisher::to_dead_letter(const publication& refused, base::bytes_view bytes) {
    auto* lane = refused.route->dead_letter;
    if (lane == nullptr || refused.dead_letter || lane == refused.route->at_least_once)
        return false;
    const auto buffer = lane->reserve(bytes.size());
    if (buffer.empty()) return false;
    std::memcpy(buffer.data(), bytes.data(), bytes.size());
    auto moved = refused;
    moved.dead_letter = true;
    moved.ttl_offset = 0;  // what the ttl was counted from is over; a dead letter does not expire
    moved.submitted = now();
    return lane->submit(moved, bytes.size());
}

void core_publisher::count(result_class kind, base::counter& not_in_time) {
    switch (kind) {
        case result_class::accepted:
            return metrics_.accepted.add();
        case result_class::refused:
            return metrics_.refused.add();
        case result_class::expired:
            return metrics_.expired.add();
        case result_class::retry:
            return not_in_time.add();
    }
}

void core_publisher::on_finished(
    const publication& publication, base::bytes_view bytes, const result& given
) {
    if (publication.stream == nullptr) return count(given.kind, metrics_.dropped);
    auto result = given;
    auto& stream = *publication.stream;
    if (publication.dead_letter) {
        // The refusal stands; what the dead letter address said decides whether it may be silent.
        const bool kept = given.kind == result_class::accepted;
        if (kept) metrics_.dead_lettered.add();
        result.kind = result_class::refused;
        result.silent = kept ? silent_refusal::acknowledge : silent_refusal::disconnect;
    } else {
        count(given.kind, metrics_.timed_out);
        if (given.kind == result_class::refused && !stream.can_refuse) {
            if (publication.route->spec().on_refused.type == manifest::on_refused_type::discard) {
                metrics_.discarded.add();
                result.silent = silent_refusal::acknowledge;
            } else if (to_dead_letter(publication, bytes)) {
                return;
            }
        }
    }
    metrics_.latency.observe(std::chrono::duration<double>(now() - publication.submitted).count());
    settle(stream, publication.sequence, result);
}

void core_publisher::settle(core_stream& stream, std::uint32_t sequence, const result& result) {
    --stream.in_flight;
    if (stream.sink() != nullptr) {
        stream.sink()->on_result(sequence, result);
        return;
    }
    if (stream.in_flight == 0) leave(stream);
}

void core_publisher::on_handed_over(core_stream& stream) {
    // With a predecessor it stands in the queue already.
    queues_.try_emplace(stream.client.client_id, &stream);
}

void core_publisher::on_closed(core_stream& stream) noexcept {
    if (stream.waiting) std::erase(waiting_, &stream);
    stream.waiting = false;
    if (stream.in_flight == 0) {
        leave(stream);
    } else {
        queues_.try_emplace(stream.client.client_id, &stream);
    }
}

// The stream is closed and has nothing in flight: whoever waits for it moves up.
void core_publisher::leave(core_stream& stream) noexcept {
    auto* const before = stream.predecessor;
    auto* const after = stream.successor;
    if (before != nullptr) before->successor = after;
    if (after != nullptr) {
        after->predecessor = before;
    } else if (!queues_.empty()) {
        const auto found = queues_.find(stream.client.client_id);
        if (found != queues_.end() && found->second == &stream) {
            if (before != nullptr) {
                found->second = before;
            } else {
                queues_.erase(found);
            }
        }
    }
    delete &stream;
    if (after == nullptr || before != nullptr || !after->waiting) return;
    std::erase(waiting_, after);
    after->waiting = false;
    after->sink()->on_capacity();
}

void core_publisher::on_room(lane&) {
    // Whoever is woken may be blocked again at once; it then waits in the new list.
    std::vector<core_stream*> woken;
    woken.swap(waiting_);
    for (auto* stream : woken) {
        if (stream->predecessor != nullptr) {
            waiting_.push_back(stream);
            continue;
        }
        stream->waiting = false;
        stream->sink()->on_capacity();
    }
}

void core_publisher::on_tick(base::time_point now) {
    for (auto& placed : lanes_) {
        placed.lane->on_tick(now);
        if (placed.lane->size() > 0) placed.uplink->want();
    }
}

std::size_t core_publisher::in_flight() const noexcept {
    return static_cast<std::size_t>(metrics_.in_flight.value());
}

std::size_t core_publisher::pending() const noexcept {
    std::size_t total = 0;
    for (const auto& placed : lanes_) total += placed.lane->size();
    return total;
}

bool core_publisher::links_ready(std::string_view upstream) const noexcept {
    return std::all_of(lanes_.begin(), lanes_.end(), [&](const placed_lane& placed) {
        if (placed.upstream != upstream) return true;
        const auto state = placed.lane->sender().state();
        return state == amqp::sender_state::ready || state == amqp::sender_state::starved;
    });
}

std::string core_publisher::link_error(std::string_view upstream) const {
    for (const auto& placed : lanes_) {
        if (placed.upstream != upstream) continue;
        if (placed.lane->sender().state() != amqp::sender_state::failed) continue;
        if (auto error = placed.lane->sender().last_error(); !error.empty()) return error;
    }
    return {};
}

}  // namespace pgw::bridge
