// The inputs, in the order of a connection's life.
#include "worker/amqp/uplink_machine.hpp"

#include "common/base/assert.hpp"

#include <algorithm>

namespace pgw::amqp {

namespace {

constexpr base::seconds close_bound{2};
/// A connection that lived this long is a good one though nothing was sent on it.
constexpr base::seconds stable_after{10};
/// How often an uplink looks whether the secrets it needs are there.
constexpr base::seconds secrets_interval{1};
/// The least pause between rounds when somebody is waiting, and what is drawn on top of it.
constexpr base::milliseconds hurried_pause{500};
constexpr std::uint32_t hurried_jitter = 500;

constexpr auto never = base::time_point::max();

}  // namespace

uplink_machine::uplink_machine(const uplink_machine_options& options)
    : options_(options), backoff_(options.reconnect_initial, options.reconnect_maximum) {
    PGW_ASSERT(options_.endpoints > 0);
}

uplink_action uplink_machine::on_timer(const uplink_moment& at) {
    if (at.now < due_) return uplink_action::none;
    switch (phase_) {
        case uplink_phase::idle:
        case uplink_phase::held:
        case uplink_phase::waiting:
            return begin_round(at);
        case uplink_phase::opening:
            phase_ = uplink_phase::dropping;
            due_ = never;
            return uplink_action::drop;
        case uplink_phase::open:
            prove();
            return uplink_action::none;
        case uplink_phase::closing:
            due_ = never;
            return uplink_action::drop;
        case uplink_phase::connecting:
        case uplink_phase::proven:
        case uplink_phase::dropping:
        case uplink_phase::closed:
            break;
    }
    return uplink_action::none;
}

uplink_action uplink_machine::begin_round(const uplink_moment& at) {
    if (!at.has_secrets) {
        phase_ = uplink_phase::held;
        due_ = at.now + secrets_interval;
        return uplink_action::none;
    }
    phase_ = uplink_phase::connecting;
    due_ = never;
    endpoint_ = good_;
    tried_ = 0;
    unauthorized_ = false;
    return uplink_action::connect;
}

uplink_action uplink_machine::on_socket(bool connected, const uplink_moment& at) {
    if (phase_ != uplink_phase::connecting) return uplink_action::none;
    if (!connected) return endpoint_failed(at);
    phase_ = uplink_phase::opening;
    due_ = at.now + options_.connect_timeout;
    return uplink_action::none;
}

uplink_action uplink_machine::on_open(const uplink_moment& at) {
    if (phase_ != uplink_phase::opening) return uplink_action::none;
    phase_ = uplink_phase::open;
    due_ = at.now + stable_after;
    return uplink_action::none;
}

void uplink_machine::on_accepted() {
    if (phase_ == uplink_phase::open) prove();
}

// Only this starts the backoff over: an open or credit is no sign that the endpoint serves.
void uplink_machine::prove() {
    phase_ = uplink_phase::proven;
    due_ = never;
    good_ = endpoint_;
    backoff_.reset();
}

uplink_action uplink_machine::on_links_failed() {
    if (!is_open() || options_.endpoints == 1) return uplink_action::none;
    // Also where the endpoint was a good one: it may have become a standby without a word.
    phase_ = uplink_phase::dropping;
    due_ = never;
    return uplink_action::drop;
}

uplink_action uplink_machine::on_gone(bool unauthorized, const uplink_moment& at) {
    switch (phase_) {
        case uplink_phase::opening:
        case uplink_phase::open:
        case uplink_phase::dropping:
            unauthorized_ = unauthorized_ || unauthorized;
            return endpoint_failed(at);
        case uplink_phase::proven:
            // Not at once: all the gateways of a broker that restarts come back at this time.
            tried_ = 0;
            unauthorized_ = false;
            return wait(at);
        case uplink_phase::closing:
            phase_ = uplink_phase::closed;
            due_ = never;
            break;
        case uplink_phase::idle:
        case uplink_phase::held:
        case uplink_phase::connecting:
        case uplink_phase::waiting:
        case uplink_phase::closed:
            break;
    }
    return uplink_action::none;
}

uplink_action uplink_machine::endpoint_failed(const uplink_moment& at) {
    PGW_ASSERT(tried_ < options_.endpoints);
    if (++tried_ >= options_.endpoints) return wait(at);
    phase_ = uplink_phase::connecting;
    due_ = never;
    endpoint_ = (endpoint_ + 1) % options_.endpoints;
    return uplink_action::connect;
}

uplink_action uplink_machine::wait(const uplink_moment& at) {
    phase_ = uplink_phase::waiting;
    waiting_since_ = at.now;
    due_ = at.now + backoff_.next(at.random);
    return uplink_action::none;
}

void uplink_machine::on_wanted(const uplink_moment& at) {
    if (phase_ != uplink_phase::waiting || unauthorized_) return;
    const auto jitter = base::milliseconds(at.random % hurried_jitter);
    due_ = std::min(due_, waiting_since_ + hurried_pause + jitter);
}

uplink_action uplink_machine::on_close(const uplink_moment& at) {
    switch (phase_) {
        case uplink_phase::connecting:
            phase_ = uplink_phase::closed;
            due_ = never;
            return uplink_action::cancel;
        case uplink_phase::opening:
        case uplink_phase::dropping:
            // Before the open there is nothing to close in order.
            phase_ = uplink_phase::closing;
            due_ = never;
            return uplink_action::drop;
        case uplink_phase::open:
        case uplink_phase::proven:
            phase_ = uplink_phase::closing;
            due_ = at.now + close_bound;
            return uplink_action::close;
        case uplink_phase::idle:
        case uplink_phase::held:
        case uplink_phase::waiting:
            phase_ = uplink_phase::closed;
            due_ = never;
            break;
        case uplink_phase::closing:
        case uplink_phase::closed:
            break;
    }
    return uplink_action::none;
}

}  // namespace pgw::amqp
