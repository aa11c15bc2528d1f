#include "worker/amqp/server_connection.hpp"

#include <proton/codec.h>
#include <proton/connection.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <proton/transport.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace pgw::amqp {

namespace {

constexpr base::seconds open_within{10};  // TLS, SASL and open
constexpr std::uint16_t channel_maximum = 255;
constexpr std::size_t most_links = 4096;
constexpr base::seconds idle_timeout{60};

// What Proton and we keep for things, bytes; a little more than measured.
constexpr std::size_t connection_cost = 112u << 10;  // most of it are the buffers of a frame
constexpr std::size_t session_cost = 4096;
constexpr std::size_t link_cost = 3072;
constexpr std::size_t value_cost = 160;  // a node of pn_data, in an array that doubles
constexpr std::size_t delivery_cost = 640;

std::size_t values_in(pn_data_t* data) {
    return data != nullptr ? pn_data_size(data) : 0;
}

// Proton has it once as it came and once as we answer it.
std::size_t cost_of(pn_terminus_t* terminus) {
    const auto values = values_in(pn_terminus_properties(terminus)) +
                        values_in(pn_terminus_capabilities(terminus)) +
                        values_in(pn_terminus_outcomes(terminus)) +
                        values_in(pn_terminus_filter(terminus));
    return 2 * (values * value_cost + view_of(pn_terminus_get_address(terminus)).size());
}

server_link_impl* link_of(pn_link_t* link) {
    return static_cast<server_link_impl*>(pn_link_get_context(link));
}

}  // namespace

server_connection::server_connection(const engine_context& context, connection_owner& owner)
    : context_(context), owner_(owner) {}

server_connection::~server_connection() {
    if (io_) io_->disown();
    for (auto& link : links_) report_detach(*link);
    let_go(held_);
}

void server_connection::start(net::byte_stream stream) {
    io_ = std::make_shared<driver_io>(context_, static_cast<driver_events&>(*this));
    io_->read_only_while_written();
    auto* transport = io_->transport();
    auto* connection = io_->connection();
    pn_transport_set_server(transport);
    install_sasl_server(transport, *this);
    pn_transport_set_channel_max(transport, channel_maximum);
    pn_transport_set_idle_timeout(
        transport, static_cast<pn_millis_t>(base::milliseconds(idle_timeout).count())
    );
    pn_connection_set_container(connection, owner_.options().container_id.c_str());
    auto* offered = pn_connection_offered_capabilities(connection);
    pn_data_put_array(offered, false, PN_SYMBOL);
    pn_data_enter(offered);
    constexpr std::string_view relay = "ANONYMOUS-RELAY";
    pn_data_put_symbol(offered, pn_bytes(relay.size(), relay.data()));
    pn_data_exit(offered);
    context_.wheel.arm(deadline_, context_.now() + open_within);
    io_->start(std::move(stream));
    hold(connection_cost);
}

void server_connection::abort(std::string_view condition, std::string_view description) {
    if (io_) io_->abort(condition, description);
}

void server_connection::on_deadline(base::time_point) {
    if (!open_) abort("amqp:connection:forced", "not opened in time");
}

bool server_connection::authenticate(std::string_view user, std::string_view password) {
    return owner_.policy().authenticate(user, password);
}

void server_connection::on_event(pn_event_t* event) {
    switch (pn_event_type(event)) {
        case PN_DELIVERY:
            return on_delivery(pn_event_link(event), pn_event_delivery(event));
        case PN_LINK_FLOW: {
            auto* link = link_of(pn_event_link(event));
            if (link == nullptr || link->closed_ ||
                link->role() != server_link::peer_role::receiver)
                return;
            // Proton also raises this for what we sent ourselves; the policy looks at credit.
            if (pn_link_credit(link->handle()) > 0 || pn_link_get_drain(link->handle())) {
                owner_.policy().on_credit(*link);
            }
            return;
        }
        case PN_LINK_REMOTE_OPEN:
            return on_attach(pn_event_link(event));
        case PN_LINK_REMOTE_DETACH:
        case PN_LINK_REMOTE_CLOSE:
            return on_link_end(pn_event_link(event));
        case PN_SESSION_REMOTE_OPEN:
            if (hold(session_cost)) pn_session_open(pn_event_session(event));
            return;
        case PN_SESSION_REMOTE_CLOSE:
            return on_session_end(pn_event_session(event));
        case PN_CONNECTION_REMOTE_OPEN:
            open_ = true;
            context_.wheel.cancel(deadline_);
            if (hold(
                    value_cost *
                    (values_in(pn_connection_remote_properties(io_->connection())) +
                     values_in(pn_connection_remote_offered_capabilities(io_->connection())) +
                     values_in(pn_connection_remote_desired_capabilities(io_->connection())))
                )) {
                pn_connection_open(io_->connection());
            }
            return;
        case PN_CONNECTION_REMOTE_CLOSE:
            pn_connection_close(io_->connection());
            return;
        default:
            return;
    }
}

void server_connection::on_attach(pn_link_t* link) {
    if (pn_link_get_context(link) != nullptr || (pn_link_state(link) & PN_LOCAL_UNINIT) == 0)
        return;
    if (!hold_link(link)) return;
    auto record = std::make_unique<server_link_impl>(*this, link);
    const bool to_us = record->role() == server_link::peer_role::sender;
    auto* remote = to_us ? pn_link_remote_target(link) : pn_link_remote_source(link);
    const auto type = pn_terminus_get_type(remote);
    if (type == PN_COORDINATOR) {
        return refuse(link, {false, "amqp:not-implemented", "no transactions", {}});
    }
    if (type == PN_UNSPECIFIED) {
        return refuse(link, {false, "amqp:invalid-field", "attach without a terminus", {}});
    }
    auto& entry = *record;
    pn_link_set_context(link, &entry);
    links_.push_back(std::move(record));
    // The terminus goes back as it came, the dynamic address filled in.
    pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
    pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
    pn_link_set_snd_settle_mode(link, pn_link_remote_snd_settle_mode(link));
    pn_link_set_rcv_settle_mode(link, PN_RCV_FIRST);
    if (to_us) pn_link_set_max_message_size(link, owner_.options().max_message_size);
    // Attached before the policy is asked, so that it may grant at once; nothing is written before
    // the end of the turn.
    const auto verdict = owner_.policy().on_attach(entry);
    if (!verdict.accepted) {
        pn_link_set_context(link, nullptr);
        std::erase_if(links_, [&](const auto& other) { return other.get() == &entry; });
        return refuse(link, verdict);
    }
    if (entry.dynamic() && !verdict.dynamic_address.empty()) {
        auto* local = to_us ? pn_link_target(link) : pn_link_source(link);
        pn_terminus_set_address(local, verdict.dynamic_address.c_str());
        entry.rename(verdict.dynamic_address);
    }
    pn_link_open(link);
    mark();
}

void server_connection::refuse(pn_link_t* link, const attach_verdict& verdict) {
    // A refusal is an attach without the terminus asked for, then a detach with the error. [2.6.3]
    const bool to_us = pn_link_is_receiver(link);
    pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
    pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
    pn_terminus_set_type(to_us ? pn_link_target(link) : pn_link_source(link), PN_UNSPECIFIED);
    pn_link_open(link);
    write_condition(pn_link_condition(link), verdict.condition, verdict.description);
    pn_link_close(link);
    mark();
}

void server_connection::report_detach(server_link_impl& link) {
    if (std::exchange(link.gone_, true)) return;
    let_go(std::exchange(link.outstanding_, 0) * delivery_cost);
    if (link.waits_for_room_) --waiting_for_room_;
    link.waits_for_room_ = false;
    owner_.policy().on_detach(link);
}

void server_connection::on_link_end(pn_link_t* link) {
    auto* record = link_of(link);
    pn_link_close(link);
    if (record != nullptr) {
        pn_link_set_context(link, nullptr);
        report_detach(*record);
        drop_partial(*record);
        std::erase_if(links_, [&](const auto& other) { return other.get() == record; });
    }
    let_link_go(link);
    pn_link_free(link);
    mark();
}

void server_connection::on_session_end(pn_session_t* session) {
    for (std::size_t i = 0; i < links_.size();) {
        if (pn_link_session(links_[i]->link_) != session) {
            ++i;
            continue;
        }
        const auto record = std::move(links_[i]);
        links_.erase(links_.begin() + static_cast<std::ptrdiff_t>(i));
        pn_link_set_context(record->link_, nullptr);
        report_detach(*record);
        drop_partial(*record);
    }
    for (auto at = link_costs_.begin(); at != link_costs_.end();) {
        if (pn_link_session(at->first) != session) {
            ++at;
            continue;
        }
        let_go(at->second);
        at = link_costs_.erase(at);
    }
    let_go(session_cost);
    pn_session_close(session);
    pn_session_free(session);
    mark();
}

void server_connection::on_delivery(pn_link_t* link, pn_delivery_t* delivery) {
    auto* record = link_of(link);
    if (pn_link_is_sender(link)) {
        if (pn_delivery_current(delivery)) {
            return abort("amqp:connection:framing-error", "transfer on a receiving link");
        }
        if (record != nullptr) return on_outcome(*record, delivery);
        pn_delivery_settle(delivery);
        return;
    }
    if (record == nullptr || record->closed_) {
        // Refused or detached by us: what is still on its way is thrown away, frame by frame.
        pn_delivery_settle(delivery);
        return mark();
    }
    if (pn_delivery_current(delivery)) on_incoming(*record, delivery);
}

void server_connection::on_incoming(server_link_impl& link, pn_delivery_t* delivery) {
    auto& partial = link.partial_;
    if (pn_delivery_aborted(delivery)) {
        drop_partial(link);
        pn_delivery_settle(delivery);
        return mark();
    }
    const std::size_t pending = pn_delivery_pending(delivery);
    if (partial.size() + pending > owner_.options().max_message_size) {
        drop_partial(link);
        link.detach("amqp:link:message-size-exceeded", "message larger than max-message-size");
        pn_delivery_settle(delivery);
        return mark();
    }
    if (!pn_delivery_partial(delivery)) return on_complete(link, delivery, pending);
    const auto have = partial.size();
    if (!make_room(link, have + pending)) return;
    partial.resize(have + pending);
    pn_link_recv(link.link_, reinterpret_cast<char*>(partial.data() + have), pending);
}

void server_connection::on_complete(
    server_link_impl& link, pn_delivery_t* delivery, std::size_t last_piece
) {
    // A message in one frame, the usual case, goes through the thread's scratch.
    auto& buffer = link.partial_.empty() ? owner_.scratch() : link.partial_;
    const auto have = link.partial_.size();
    if (have > 0 && !make_room(link, have + last_piece)) return;
    if (buffer.size() < have + last_piece) buffer.resize(have + last_piece);
    if (last_piece > 0) {
        pn_link_recv(link.link_, reinterpret_cast<char*>(buffer.data() + have), last_piece);
    }
    const bool settled = pn_delivery_settled(delivery);
    pn_link_advance(link.link_);
    if (pn_link_credit(link.link_) < 0) {
        drop_partial(link);
        pn_delivery_settle(delivery);
        link.detach("amqp:link:transfer-limit-exceeded", "transfer without credit");
        return mark();
    }
    if (settled) pn_delivery_settle(delivery);
    // The policy may detach the link, so nothing of it is touched afterwards but the buffer moved
    // out here.
    const bool reassembled = have > 0;
    // Kept for the moment only, so no longer charged.
    if (reassembled) let_go(link.partial_.capacity());
    auto message = reassembled ? std::exchange(link.partial_, {}) : std::vector<std::byte>();
    const base::bytes_view view(reassembled ? message.data() : buffer.data(), have + last_piece);
    owner_.policy().on_message(link, std::bit_cast<delivery_id>(delivery), view, settled);
    mark();
}

void server_connection::on_outcome(server_link_impl& link, pn_delivery_t* delivery) {
    if (!pn_delivery_updated(delivery)) return;
    const auto result = outcome_of(delivery);
    if (!result) return pn_delivery_clear(delivery);
    const auto token = std::bit_cast<std::uint64_t>(pn_delivery_get_context(delivery));
    pn_delivery_settle(delivery);
    if (link.outstanding_ > 0) {
        --link.outstanding_;
        let_go(delivery_cost);
    }
    owner_.policy().on_settled(link, token, *result);
}

void server_connection::on_flushed() {
    if (waiting_for_room_ == 0) return;
    for (std::size_t i = 0; i < links_.size(); ++i) {
        auto& link = *links_[i];
        if (!link.waits_for_room_ || !link.has_room()) continue;
        link.waits_for_room_ = false;
        --waiting_for_room_;
        if (!link.closed_) owner_.policy().on_credit(link);
    }
}

void server_connection::on_finished(const error_text& error) {
    context_.wheel.cancel(deadline_);
    for (std::size_t i = 0; i < links_.size(); ++i) report_detach(*links_[i]);
    owner_.on_connection_gone(*this, error);
}

bool server_connection::hold(std::size_t bytes) {
    if (shed_) return false;
    if (!owner_.charge(*this, bytes)) {
        shed("the connection holds too much");
        return false;
    }
    held_ += bytes;
    return true;
}

void server_connection::let_go(std::size_t bytes) noexcept {
    const auto given = std::min(bytes, held_);
    held_ -= given;
    owner_.release(given);
}

void server_connection::shed(std::string_view description) {
    shed_ = true;
    abort("amqp:resource-limit-exceeded", description);
    for (auto& link : links_) link->partial_ = {};
    let_go(held_);
}

// Attempts count: Proton keeps a refused link until the peer detaches it, which it need not do.
bool server_connection::hold_link(pn_link_t* link) {
    if (link_costs_.size() >= most_links) {
        shed("too many links");
        return false;
    }
    const auto cost = link_cost + view_of(pn_link_name(link)).size() +
                      values_in(pn_link_remote_properties(link)) * value_cost +
                      cost_of(pn_link_remote_source(link)) + cost_of(pn_link_remote_target(link));
    if (!hold(cost)) return false;
    link_costs_.emplace(link, cost);
    return true;
}

void server_connection::let_link_go(pn_link_t* link) noexcept {
    const auto found = link_costs_.find(link);
    if (found == link_costs_.end()) return;
    let_go(found->second);
    link_costs_.erase(found);
}

// Grows by halves, not by doubling: old and new stand side by side while it is moved.
bool server_connection::make_room(server_link_impl& link, std::size_t size) {
    auto& partial = link.partial_;
    if (size <= partial.capacity()) return true;
    const auto before = partial.capacity();
    const auto wanted = std::max(size, before + before / 2);
    if (!hold(wanted - before)) return false;
    partial.reserve(wanted);  // of a vector: exactly so much, in the library we build with
    return true;
}

void server_connection::drop_partial(server_link_impl& link) noexcept {
    let_go(link.partial_.capacity());
    link.partial_ = {};
}

// Counted up at each send, and anew when it seems too much.
std::size_t server_connection::outgoing() noexcept {
    if (outgoing_ < most_outgoing) return outgoing_;
    outgoing_ = 0;
    for (auto* session = pn_session_head(io_->connection(), PN_LOCAL_ACTIVE); session != nullptr;
         session = pn_session_next(session, PN_LOCAL_ACTIVE)) {
        outgoing_ += pn_session_outgoing_bytes(session);
    }
    return outgoing_;
}

bool server_connection::hold_delivery(server_link_impl& link, std::size_t size, bool presettled) {
    if (!presettled) {
        if (!hold(delivery_cost)) return false;
        ++link.outstanding_;
    }
    outgoing_ += size;
    return true;
}

}  // namespace pgw::amqp
