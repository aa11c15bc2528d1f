// What is seen of the record, what is written into it, and the states.
#include "operator/runtime/lease_machine.hpp"

#include <algorithm>
#include <utility>

namespace pgw::runtime {

namespace json = boost::json;
using kube::error_kind;

namespace {

constexpr base::milliseconds expiry_jitter{1'000};

base::milliseconds jitter(base::milliseconds most, std::uint32_t random) {
    const auto fraction = static_cast<double>(random) / 4294967296.0;
    return base::milliseconds{
        static_cast<base::milliseconds::rep>(static_cast<double>(most.count()) * fraction)
    };
}

// A request that is not answered by then is given up: the next one gets another connection.
base::milliseconds answer_limit(const leader_election_options& options) {
    return options.renew_deadline / 2;
}

json::value spec_of(const json::object& lease) {
    const auto* spec = lease.if_contains("spec");
    return spec == nullptr ? json::value() : *spec;
}

std::string text_in(const json::value& spec, std::string_view key) {
    const auto* object = spec.if_object();
    const auto* value = object == nullptr ? nullptr : object->if_contains(key);
    const auto* text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::string() : std::string(*text);
}

// Of an int32 of the API; 0 when there is none.
std::int64_t number_in(const json::value& spec, std::string_view key) {
    const auto* object = spec.if_object();
    const auto* value = object == nullptr ? nullptr : object->if_contains(key);
    if (value == nullptr) return 0;
    json::error_code error;
    const auto number = value->to_number<std::int32_t>(error);
    return error ? 0 : number;
}

std::int64_t whole_seconds(base::milliseconds d) {
    return std::max<std::int64_t>(1, std::chrono::ceil<base::seconds>(d).count());
}

json::object& spec_in(json::object& lease) {
    auto& spec = lease["spec"];
    if (!spec.is_object()) spec.emplace_object();
    return spec.get_object();
}

}  // namespace

lease_machine::lease_machine(leader_election_options options) : options_(std::move(options)) {}

base::time_point lease_machine::due() const noexcept {
    if (state_ != lease_state::standby && state_ != lease_state::leading) {
        return base::time_point::max();
    }
    auto when = outstanding_ != 0 ? sent_at_ + answer_limit(options_) : try_at_;
    if (state_ == lease_state::leading)
        when = std::min(when, renewed_at_ + options_.renew_deadline);
    return when;
}

bool lease_machine::overdue(base::time_point now) const noexcept {
    return state_ == lease_state::leading && now >= renewed_at_ + options_.lease_duration;
}

lease_request lease_machine::request(
    lease_request::verb what, json::object body, base::time_point now
) {
    verb_ = what;
    sent_at_ = now;
    outstanding_ = ++last_number_;
    return {what, std::move(body), outstanding_};
}

// The record with us as its holder. Fields that we do not know stay as they are.
lease_request lease_machine::claim(const lease_moment& at) {
    const bool exists = lease_.has_value();
    json::object body;
    if (exists) {
        body = *lease_;
    } else {
        body["apiVersion"] = "coordination.k8s.io/v1";
        body["kind"] = "Lease";
        body["metadata"] = {{"name", options_.name}, {"namespace", options_.ns}};
    }
    const auto transitions = number_in(spec_of(body), "leaseTransitions");
    auto& spec = spec_in(body);
    const auto time = micro_time(at.wall);
    spec["leaseDurationSeconds"] = whole_seconds(options_.lease_duration);
    spec["renewTime"] = time;
    if (holder_ != options_.identity) {
        spec["holderIdentity"] = options_.identity;
        spec["acquireTime"] = time;
        spec["leaseTransitions"] = exists ? transitions + 1 : 0;
    }
    using verb = lease_request::verb;
    return request(exists ? verb::replace : verb::create, std::move(body), at.now);
}

// Nobody's, and short, so that whoever knows only its duration does not wait either.
lease_request lease_machine::release(const lease_moment& at) {
    giving_up_ = true;
    json::object body = lease_.value_or(json::object());
    auto& spec = spec_in(body);
    const auto time = micro_time(at.wall);
    spec["holderIdentity"] = "";
    spec["leaseDurationSeconds"] = 1;
    spec["renewTime"] = time;
    spec["acquireTime"] = time;
    return request(lease_request::verb::replace, std::move(body), at.now);
}

void lease_machine::remember(const json::object& lease, base::time_point now) {
    const auto spec = spec_of(lease);
    if (!lease_ || spec_of(*lease_) != spec) observed_at_ = now;
    lease_ = lease;
    is_current_ = true;
    holder_ = text_in(spec, "holderIdentity");
    const auto seconds = number_in(spec, "leaseDurationSeconds");
    duration_ = options_.lease_duration;
    if (seconds > 0) duration_ = base::seconds(seconds);
}

bool lease_machine::is_free(base::time_point now) const {
    return !lease_ || holder_.empty() || holder_ == options_.identity ||
           now >= observed_at_ + duration_;
}

void lease_machine::wait_for_expiry(const lease_moment& at) {
    try_at_ = observed_at_ + duration_ + jitter(expiry_jitter, at.random);
}

void lease_machine::wait_for_retry(const lease_moment& at) {
    try_at_ = at.now + options_.retry_period + jitter(options_.retry_period / 5, at.random);
}

std::optional<lease_request> lease_machine::on_time(const lease_moment& at) {
    if (at.now < due()) return std::nullopt;
    if (state_ == lease_state::leading && at.now >= renewed_at_ + options_.renew_deadline) {
        state_ = lease_state::lost;
        outstanding_ = 0;
        return std::nullopt;
    }
    // What was given up may have been done.
    if (outstanding_ != 0) is_current_ = false;
    after_conflict_ = false;
    if (state_ == lease_state::leading && is_current_) return claim(at);
    return request(lease_request::verb::get, {}, at.now);
}

std::optional<lease_request> lease_machine::on_reply(
    std::uint64_t number, const kube::result<json::value>& reply, const lease_moment& at
) {
    if (number == 0 || number != outstanding_) return std::nullopt;
    outstanding_ = 0;
    const auto* lease = reply ? reply->if_object() : nullptr;
    const bool is_write = verb_ != lease_request::verb::get;
    std::optional<lease_request> next;
    if (lease == nullptr) {
        next = on_failure(reply ? kube::error() : reply.error(), at);
    } else {
        next = is_write ? on_written(*lease, at) : on_record(*lease, at);
    }
    if (state_ == lease_state::leading && at.now >= renewed_at_ + options_.renew_deadline) {
        state_ = lease_state::lost;
    }
    if (state_ == lease_state::lost || state_ == lease_state::stopped) {
        outstanding_ = 0;
        next.reset();
    }
    if (outstanding_ == 0 && std::exchange(again_, false) && state_ == lease_state::standby) {
        try_at_ = at.now;
    }
    return next;
}

std::optional<lease_request> lease_machine::on_record(
    const json::object& lease, const lease_moment& at
) {
    remember(lease, at.now);
    const bool is_ours = holder_ == options_.identity;
    switch (state_) {
        case lease_state::leading:
            if (is_ours || holder_.empty()) return claim(at);
            state_ = lease_state::lost;
            return std::nullopt;
        case lease_state::releasing:
            if (is_ours) return release(at);
            state_ = lease_state::stopped;
            return std::nullopt;
        case lease_state::standby:
            if (is_free(at.now)) return claim(at);
            wait_for_expiry(at);
            return std::nullopt;
        case lease_state::lost:
        case lease_state::stopped:
            break;
    }
    return std::nullopt;
}

std::optional<lease_request> lease_machine::on_written(
    const json::object& lease, const lease_moment& at
) {
    remember(lease, at.now);
    if (state_ == lease_state::releasing) {
        if (!giving_up_) return release(at);
        state_ = lease_state::stopped;
        return std::nullopt;
    }
    after_conflict_ = false;
    if (at.now >= sent_at_ + options_.renew_deadline) {
        // Too old to lead by: a leader is found lost, a standby writes again.
        try_at_ = at.now;
        return std::nullopt;
    }
    state_ = lease_state::leading;
    renewed_at_ = sent_at_;
    try_at_ = at.now + options_.retry_period;
    return std::nullopt;
}

std::optional<lease_request> lease_machine::on_failure(
    const kube::error& error, const lease_moment& at
) {
    const bool is_write = verb_ != lease_request::verb::get;
    is_current_ = false;
    if (state_ == lease_state::releasing) {
        // Whether a renewal was done is unknown: look once.
        if (is_write && !giving_up_) return request(lease_request::verb::get, {}, at.now);
        state_ = lease_state::stopped;
        return std::nullopt;
    }
    if (!is_write && error.kind == error_kind::not_found) {
        lease_.reset();
        holder_.clear();
        return claim(at);
    }
    const bool is_outdated = error.kind == error_kind::conflict ||
                             error.kind == error_kind::already_exists ||
                             error.kind == error_kind::not_found;
    if (is_write && is_outdated && !std::exchange(after_conflict_, true)) {
        return request(lease_request::verb::get, {}, at.now);
    }
    wait_for_retry(at);
    return std::nullopt;
}

void lease_machine::on_observed(const json::object& lease, const lease_moment& at) {
    if (state_ != lease_state::standby) return;
    remember(lease, at.now);
    if (outstanding_ != 0) {
        again_ = again_ || is_free(at.now);
    } else if (is_free(at.now)) {
        try_at_ = at.now;
    } else {
        wait_for_expiry(at);
    }
}

void lease_machine::on_deleted(const lease_moment& at) {
    if (state_ != lease_state::standby) return;
    lease_.reset();
    holder_.clear();
    again_ = outstanding_ != 0;
    try_at_ = at.now;
}

std::optional<lease_request> lease_machine::on_stop(const lease_moment& at) {
    switch (state_) {
        case lease_state::standby:
            // A write that is under way may make it ours.
            if (outstanding_ != 0 && verb_ != lease_request::verb::get) {
                state_ = lease_state::releasing;
            } else {
                outstanding_ = 0;
                state_ = lease_state::stopped;
            }
            return std::nullopt;
        case lease_state::leading:
            state_ = lease_state::releasing;
            if (outstanding_ != 0) return std::nullopt;
            if (is_current_) return release(at);
            return request(lease_request::verb::get, {}, at.now);
        case lease_state::lost:
            state_ = lease_state::stopped;
            return std::nullopt;
        case lease_state::releasing:
        case lease_state::stopped:
            break;
    }
    return std::nullopt;
}

}  // namespace pgw::runtime
