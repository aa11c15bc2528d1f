// The policy's calls on a server link. See server.hpp and server_connection.hpp.
#include "worker/amqp/server_connection.hpp"

#include <proton/connection.h>
#include <proton/session.h>
#include <proton/terminus.h>

#include <bit>

namespace pgw::amqp {

namespace {

pn_delivery_t* delivery_of(delivery_id id) {
    return std::bit_cast<pn_delivery_t*>(id);
}

}  // namespace

server_link_impl::server_link_impl(server_connection& connection, pn_link_t* link)
    : connection_(connection),
      link_(link),
      role_(pn_link_is_receiver(link) ? peer_role::sender : peer_role::receiver) {
    auto* terminus =
        role_ == peer_role::sender ? pn_link_remote_target(link) : pn_link_remote_source(link);
    address_ = view_of(pn_terminus_get_address(terminus));
    dynamic_ = pn_terminus_is_dynamic(terminus);
    capabilities_ = read_symbols(pn_terminus_capabilities(terminus));
}

std::string_view server_link_impl::name() const {
    return view_of(pn_link_name(link_));
}

std::string_view server_link_impl::capability(std::size_t index) const {
    return index < capabilities_.size() ? std::string_view(capabilities_[index])
                                        : std::string_view();
}

void server_link_impl::grant(std::uint32_t credit) {
    if (closed_ || gone_ || role_ != peer_role::sender) return;
    pn_link_flow(link_, static_cast<int>(credit));
    connection_.mark();
}

void server_link_impl::settle(delivery_id delivery, const outcome& outcome) {
    if (gone_ || role_ != peer_role::sender) return;
    auto* target = delivery_of(delivery);
    apply_outcome(target, outcome);
    pn_delivery_settle(target);
    connection_.mark();
}

void server_link_impl::state_only(delivery_id delivery, const outcome& outcome) {
    if (gone_ || role_ != peer_role::sender) return;
    apply_outcome(delivery_of(delivery), outcome);
    connection_.mark();
}

std::uint32_t server_link_impl::credit() const {
    if (closed_ || gone_) return 0;
    const int credit = pn_link_credit(link_);
    return credit > 0 ? static_cast<std::uint32_t>(credit) : 0;
}

bool server_link_impl::has_room() const {
    return pn_session_outgoing_bytes(pn_link_session(link_)) < max_session_outgoing &&
           connection_.outgoing() < most_outgoing;
}

bool server_link_impl::send(base::bytes_view message, std::uint64_t token, bool presettled) {
    if (closed_ || gone_ || role_ != peer_role::receiver || pn_link_credit(link_) <= 0) {
        return false;
    }
    if (!has_room()) {
        if (!waits_for_room_) ++connection_.waiting_for_room_;
        waits_for_room_ = true;
        return false;
    }
    if (!connection_.hold_delivery(*this, message.size(), presettled)) return false;
    const auto tag = next_tag_++;
    auto* delivery = pn_delivery(link_, pn_dtag(reinterpret_cast<const char*>(&tag), sizeof tag));
    if (pn_link_current(link_) != delivery) {
        // Only a transfer that the peer sent on our sending link can stand before ours.
        connection_.abort("amqp:connection:framing-error", "transfer on a receiving link");
        return false;
    }
    pn_link_send(link_, reinterpret_cast<const char*>(message.data()), message.size());
    pn_link_advance(link_);
    if (presettled) {
        pn_delivery_settle(delivery);
    } else {
        pn_delivery_set_context(delivery, std::bit_cast<void*>(token));
    }
    connection_.mark();
    return true;
}

bool server_link_impl::peer_wants_settled() const {
    return pn_link_remote_snd_settle_mode(link_) == PN_SND_SETTLED;
}

void server_link_impl::drained() {
    if (closed_ || gone_ || !pn_link_get_drain(link_)) return;
    pn_link_drained(link_);
    connection_.mark();
}

void server_link_impl::detach(std::string_view condition, std::string_view description) {
    if (closed_ || gone_) return;
    closed_ = true;
    write_condition(pn_link_condition(link_), condition, description);
    pn_link_close(link_);
    connection_.mark();
}

void server_link_impl::drop_connection() {
    connection_.abort("amqp:connection:forced", "dropped");
}

void server_link_impl::close_connection(std::string_view condition, std::string_view description) {
    auto* connection = connection_.io_->connection();
    write_condition(pn_connection_condition(connection), condition, description);
    pn_connection_close(connection);
    connection_.mark();
}

void server_link_impl::stall_connection(bool stalled) {
    connection_.io_->stall(stalled);
}

}  // namespace pgw::amqp
