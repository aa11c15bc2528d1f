#include "worker/amqp/uplink_connection.hpp"

#include <proton/connection.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <proton/transport.h>

#include <algorithm>
#include <utility>

namespace pgw::amqp {

namespace {

constexpr std::uint32_t most_refused_links = 64;  // then a peer that keeps attaching is hung up on
constexpr std::uint16_t channel_maximum = 1023;
/// What an attach of ours takes beside its name and address, bytes, with room to spare. [2.7.3]
constexpr std::size_t attach_frame = 128;

const char* mechanism_name(manifest::sasl_mechanism mechanism) {
    switch (mechanism) {
        case manifest::sasl_mechanism::plain:
            return "PLAIN";
        case manifest::sasl_mechanism::external:
            return "EXTERNAL";
        case manifest::sasl_mechanism::anonymous:
            break;
    }
    return "ANONYMOUS";
}

sender_link* sender_of(pn_link_t* link) {
    return static_cast<sender_link*>(pn_link_get_context(link));
}

session_slot* slot_of(pn_session_t* session) {
    return static_cast<session_slot*>(pn_session_get_context(session));
}

}  // namespace

uplink_connection::uplink_connection(
    const engine_context& context,
    const uplink_settings& settings,
    uplink_metrics& metrics,
    connection_events& events,
    const base::logger& log
)
    : context_(context),
      settings_(settings),
      profile_(profile_of(settings.upstream.type)),
      metrics_(metrics),
      events_(events),
      log_(log) {}

uplink_connection::~uplink_connection() {
    if (io_) io_->disown();
    for (auto& sender : senders_) sender->orphan();
    metrics_.connected.set(0);
}

void uplink_connection::start(net::byte_stream stream, const std::string& host) {
    open_ = false;
    begun_ = false;
    closing_ = false;
    anonymous_relay_ = false;
    refused_links_ = 0;
    close_error_ = {};
    io_ = std::make_shared<driver_io>(context_, static_cast<driver_events&>(*this));
    auto* connection = io_->connection();
    auto* transport = io_->transport();
    pn_connection_set_container(connection, settings_.container_id.c_str());
    pn_connection_set_hostname(connection, host.c_str());
    pn_transport_set_channel_max(transport, channel_maximum);
    pn_transport_set_idle_timeout(
        transport, static_cast<pn_millis_t>(settings_.upstream.limits.idle_timeout.count())
    );
    configure_sasl(stream.is_tls());
    pn_connection_open(connection);
    io_->start(std::move(stream));
}

void uplink_connection::configure_sasl(bool tls) {
    const auto mechanism = settings_.upstream.sasl.mechanism;
    if (mechanism == manifest::sasl_mechanism::plain) {
        const auto secrets =
            settings_.secrets ? settings_.secrets->get() : upstream_secrets::values{};
        pn_connection_set_user(io_->connection(), secrets.user_name.c_str());
        pn_connection_set_password(io_->connection(), secrets.password.c_str());
    }
    auto* sasl = pn_sasl(io_->transport());
    pn_sasl_allowed_mechs(sasl, mechanism_name(mechanism));
    // Proton does not know of the TLS around it. An amqp:// endpoint with PLAIN is the operator's
    // explicit choice: the uplink warns of it.
    pn_sasl_set_allow_insecure_mechs(sasl, tls || mechanism == manifest::sasl_mechanism::plain);
}

void uplink_connection::abort(std::string_view condition, std::string_view description) {
    if (io_) io_->abort(condition, description);
}

void uplink_connection::close() {
    if (!io_ || closing_) return;
    closing_ = true;
    for (auto& sender : senders_) sender->begin_close();
    pn_connection_close(io_->connection());
    io_->mark();
}

std::shared_ptr<sender_link> uplink_connection::open_sender(
    const sender_options& options, sender_events& events
) {
    const auto& limits = settings_.upstream.limits;
    auto sender = std::make_shared<sender_link>(
        static_cast<sender_host&>(*this),
        options,
        events,
        metrics_,
        base::backoff(limits.reconnect_initial, limits.reconnect_maximum)
    );
    senders_.push_back(sender);
    if (open_ && !closing_) attach(*sender, context_.now());
    return sender;
}

void uplink_connection::on_event(pn_event_t* event) {
    switch (pn_event_type(event)) {
        case PN_DELIVERY: {
            auto* link = pn_event_link(event);
            auto* delivery = pn_event_delivery(event);
            if (auto* sender = sender_of(link)) {
                sender->on_delivery(delivery);
            } else if (!pn_link_is_sender(link)) {
                protocol_error("transfer received without a receiving link");
            }
            return;
        }
        case PN_LINK_FLOW:
            if (auto* sender = sender_of(pn_event_link(event))) sender->on_flow();
            return;
        case PN_LINK_REMOTE_OPEN:
            if (auto* sender = sender_of(pn_event_link(event))) {
                sender->on_remote_open(context_.now());
            } else {
                refuse_link(pn_event_link(event));
            }
            return;
        case PN_LINK_REMOTE_DETACH:
        case PN_LINK_REMOTE_CLOSE: {
            auto* link = pn_event_link(event);
            if (auto* sender = sender_of(link)) {
                const auto error = read_condition(pn_link_remote_condition(link));
                const bool blames = may_blame_a_delivery(error.condition);
                on_link_end(*sender, {error, blames, false, sender->suspects(context_.now())});
                arm_attach_timer();
                look_for_failed_links();
            }
            return;
        }
        case PN_SESSION_REMOTE_OPEN:
            if (slot_of(pn_event_session(event)) == nullptr) {
                refuse_session(pn_event_session(event));
            } else if (!std::exchange(begun_, true)) {
                attach_waiting();
            }
            return;
        case PN_SESSION_REMOTE_CLOSE:
            return on_session_end(pn_event_session(event));
        case PN_CONNECTION_REMOTE_OPEN:
            return on_remote_open();
        case PN_CONNECTION_REMOTE_CLOSE:
            close_error_ = read_condition(pn_connection_remote_condition(io_->connection()));
            if (close_error_.empty()) close_error_ = {"", "closed by the upstream"};
            // Now, not when the socket goes: what would be sent until then cannot be meant.
            lose_senders(close_error_, may_blame_a_delivery(close_error_.condition));
            pn_connection_close(io_->connection());
            open_ = false;
            return;
        default:
            return;
    }
}

void uplink_connection::on_remote_open() {
    if (open_ || closing_) return;
    open_ = true;
    const auto offered = read_symbols(pn_connection_remote_offered_capabilities(io_->connection()));
    anonymous_relay_ = std::ranges::find(offered, "ANONYMOUS-RELAY") != offered.end();
    metrics_.connects.add();
    metrics_.connected.set(1);
    events_.on_open();
    attach_waiting();
}

void uplink_connection::attach_waiting() {
    for (std::size_t i = 0; i < senders_.size(); ++i) {
        if (senders_[i]->slot() == nullptr) attach(*senders_[i], context_.now());
    }
    arm_attach_timer();
    look_for_failed_links();
}

void uplink_connection::on_session_end(pn_session_t* session) {
    auto* slot = slot_of(session);
    if (slot == nullptr) return;
    auto error = read_condition(pn_session_remote_condition(session));
    const bool blames = may_blame_a_delivery(error.condition);
    const bool shared = slot->links > 1;
    const auto suspects = suspects_of(slot);
    if (error.empty()) error = {"", "session ended by the upstream"};
    const auto senders = senders_;
    for (const auto& sender : senders) {
        if (sender->slot() == slot) on_link_end(*sender, {error, blames, shared, suspects});
    }
    pn_session_set_context(session, nullptr);
    std::erase_if(slots_, [&](const auto& entry) { return entry.get() == slot; });
    pn_session_close(session);
    arm_attach_timer();
    look_for_failed_links();
}

void uplink_connection::lose_senders(const error_text& cause, bool blames) {
    const link_end end{cause, blames, true, suspects_of(nullptr)};
    const auto senders = senders_;
    for (const auto& sender : senders) sender->on_connection_lost(end);
}

// Over a session's links, or all of them.
std::uint64_t uplink_connection::suspects_of(const session_slot* slot) const {
    std::uint64_t total = 0;
    for (const auto& sender : senders_) {
        if (slot == nullptr || sender->slot() == slot) total += sender->suspects(context_.now());
    }
    return total;
}

void uplink_connection::on_link_end(sender_link& link, const link_end& end) {
    const auto self = link.shared_from_this();
    link.on_remote_detach(end, context_.now(), context_.random());
    log_failure(link);
}

void uplink_connection::log_failure(sender_link& link) {
    if (link.released() || !link.failure_is_news()) return;
    const auto& address = link.options().address;
    log_.warn(
        "upstream link failed",
        {{"address", address.empty() ? "(anonymous)" : address}, {"error", link.last_error()}}
    );
}

void uplink_connection::look_for_failed_links() {
    if (!open_ || closing_) return;
    bool any = false;
    for (const auto& sender : senders_) {
        if (sender->released()) continue;
        if (!sender->speaks_against_the_endpoint()) return;
        any = true;
    }
    if (any) events_.on_links_failed();
}

void uplink_connection::refuse_link(pn_link_t* link) {
    // A sender that was let go before its answer came has no context either, but is closed.
    if ((pn_link_state(link) & PN_LOCAL_UNINIT) == 0) return;
    if (++refused_links_ > most_refused_links) return protocol_error("too many links attached");
    pn_link_open(link);
    write_condition(pn_link_condition(link), "amqp:not-allowed", "this container accepts no links");
    pn_link_close(link);
    pn_link_free(link);
    mark();
}

void uplink_connection::refuse_session(pn_session_t* session) {
    if ((pn_session_state(session) & PN_LOCAL_UNINIT) == 0) return;
    if (++refused_links_ > most_refused_links) return protocol_error("too many sessions begun");
    pn_session_open(session);
    write_condition(
        pn_session_condition(session), "amqp:not-allowed", "this container accepts no sessions"
    );
    pn_session_close(session);
    mark();
}

void uplink_connection::attach_due(base::time_point now) {
    if (!open_ || closing_) return;
    const auto senders = senders_;
    for (const auto& sender : senders) {
        if (sender->current_phase() == sender_link::phase::failed && sender->retry_at() <= now) {
            attach(*sender, now);
        }
    }
    drop_empty_slots();
    arm_attach_timer();
    look_for_failed_links();
}

void uplink_connection::attach(sender_link& link, base::time_point now) {
    if (link.slot() != nullptr || link.released()) return;
    if (link.options().address.empty() && !anonymous_relay_) {
        // It would fail at each message; it may be offered after a reconnect.
        link.fail(
            {"amqp:not-implemented", "the upstream does not offer ANONYMOUS-RELAY"},
            now,
            context_.random()
        );
        return log_failure(link);
    }
    if (awaits_begin(link)) return;
    auto* slot = slot_for(link);
    if (slot == nullptr) {
        link.fail(
            {"amqp:resource-limit-exceeded", "the upstream allows no more sessions"},
            now,
            context_.random()
        );
        return log_failure(link);
    }
    const auto name = link_name();
    const auto frame = attach_frame + name.size() + link.options().address.size();
    if (frame > pn_transport_get_remote_max_frame(io_->transport())) {
        link.fail(
            {"amqp:frame-size-too-small", "the upstream takes no frame that holds the address"},
            now,
            context_.random()
        );
        return log_failure(link);
    }
    link.attach(*slot, name);
}

bool uplink_connection::is_exclusive(const sender_link& link) const {
    return profile_.bad_attach_ends_session && !link.options().address.empty();
}

// How many links a session may have is known from the peer's first begin on. Handle 0 is always
// there; who needs another one waits for that. [2.7.2]
bool uplink_connection::awaits_begin(const sender_link& link) const {
    return !begun_ && !is_exclusive(link) && std::ranges::any_of(slots_, [](const auto& slot) {
        return !slot->exclusive && slot->links > 0;
    });
}

session_slot* uplink_connection::slot_for(const sender_link& link) {
    const bool exclusive = is_exclusive(link);
    const std::uint64_t handles = std::uint64_t{io_->peer_handle_max()} + 1;
    const auto most = exclusive ? 1 : std::min<std::uint64_t>(profile_.links_per_session, handles);
    for (auto& slot : slots_) {
        if (slot->exclusive == exclusive && slot->links < most) return slot.get();
    }
    const auto channels =
        std::min(channel_maximum, pn_transport_remote_channel_max(io_->transport()));
    if (slots_.size() > channels) return nullptr;  // channel 0 is one more [2.7.1]
    auto slot = std::make_unique<session_slot>();
    slot->session = pn_session(io_->connection());
    slot->exclusive = exclusive;
    pn_session_set_context(slot->session, slot.get());
    pn_session_open(slot->session);
    return slots_.emplace_back(std::move(slot)).get();
}

void uplink_connection::drop_empty_slots() {
    std::erase_if(slots_, [](const auto& slot) {
        if (slot->links != 0 || !slot->exclusive) return false;
        pn_session_set_context(slot->session, nullptr);
        pn_session_close(slot->session);
        return true;
    });
}

void uplink_connection::arm_attach_timer() {
    auto earliest = base::time_point::max();
    for (const auto& sender : senders_) {
        if (sender->current_phase() == sender_link::phase::failed) {
            earliest = std::min(earliest, sender->retry_at());
        }
    }
    if (earliest != base::time_point::max()) context_.wheel.arm(attach_timer_, earliest);
}

std::string uplink_connection::link_name() {
    // Fresh each time: a name in use may be an old link that the peer has not given up. [2.6.1]
    constexpr char digits[] = "0123456789abcdef";
    std::string name = settings_.container_id + "/";
    for (int half = 0; half < 2; ++half) {
        auto bits = context_.random();
        for (int i = 0; i < 8; ++i, bits >>= 4) name.push_back(digits[bits & 15]);
    }
    return name;
}

void uplink_connection::on_flushed() {
    if (waiting_for_room_.empty()) return;
    const auto waiting = std::exchange(waiting_for_room_, {});
    for (const auto& sender : waiting) sender->on_flushed();
}

void uplink_connection::on_finished(const error_text& error) {
    const auto cause = close_error_.empty() ? error : close_error_;
    if (open_ || metrics_.connected.value() != 0) metrics_.connected.set(0);
    open_ = false;
    context_.wheel.cancel(attach_timer_);
    last_error_ = cause.joined();
    // Proton's objects live until the end of this call: senders may count what is unsettled.
    const auto io = std::exchange(io_, nullptr);
    lose_senders(cause, false);
    for (const auto& sender : std::exchange(waiting_for_room_, {})) sender->on_flushed();
    slots_.clear();
    events_.on_gone(cause);
}

void uplink_connection::mark() {
    if (io_) io_->mark();
}

void uplink_connection::await_room(sender_link& link) {
    // No mark: what fills the session is waiting for the socket or for the peer's window, and
    // either ends in a flush.
    waiting_for_room_.push_back(link.shared_from_this());
}

void uplink_connection::protocol_error(std::string_view description) {
    abort("amqp:connection:framing-error", description);
}

void uplink_connection::forget(sender_link& link) {
    std::erase_if(senders_, [&](const auto& sender) { return sender.get() == &link; });
    drop_empty_slots();
}

}  // namespace pgw::amqp
