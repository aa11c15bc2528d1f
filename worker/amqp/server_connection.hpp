// One accepted AMQP connection: its sessions and links, and the policy's view of them. Internal:
// sees Proton.
#pragma once

#include "worker/amqp/driver_io.hpp"
#include "worker/amqp/sasl_server.hpp"
#include "worker/amqp/server.hpp"

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace pgw::amqp {

/// Bytes of a connection that wait in its sessions for the socket, beside each session's own bound.
inline constexpr std::size_t most_outgoing = 2u << 20;

class server_connection;

/// A link of an accepted connection; deleted by its connection after on_detach.
class server_link_impl final : public server_link {
public:
    server_link_impl(server_connection& connection, pn_link_t* link);

    peer_role role() const override { return role_; }
    std::string_view name() const override;
    std::string_view address() const override { return address_; }
    bool dynamic() const override { return dynamic_; }
    std::string_view capability(std::size_t index) const override;
    void grant(std::uint32_t credit) override;
    void settle(delivery_id delivery, const outcome& outcome) override;
    void state_only(delivery_id delivery, const outcome& outcome) override;
    std::uint32_t credit() const override;
    bool send(base::bytes_view message, std::uint64_t token, bool presettled) override;
    bool peer_wants_settled() const override;
    void drained() override;
    void detach(std::string_view condition, std::string_view description) override;
    void drop_connection() override;
    void close_connection(std::string_view condition, std::string_view description) override;
    void stall_connection(bool stalled) override;

    bool closed() const noexcept { return closed_; }
    pn_link_t* handle() const noexcept { return link_; }
    void rename(std::string address) { address_ = std::move(address); }
    bool waits_for_room() const noexcept { return waits_for_room_; }
    bool has_room() const;
    void room_seen() noexcept { waits_for_room_ = false; }

private:
    friend class server_connection;
    server_connection& connection_;
    pn_link_t* link_;
    peer_role role_;
    bool dynamic_ = false;
    bool closed_ = false;  ///< We detached it.
    bool waits_for_room_ = false;
    bool gone_ = false;  ///< on_detach was called.
    std::string address_;
    std::vector<std::string> capabilities_;
    std::vector<std::byte> partial_;  ///< A message whose frames have not all come. Charged.
    std::uint64_t outstanding_ = 0;   ///< Deliveries without an outcome. Charged.
    std::uint64_t next_tag_ = 0;
};

/// What a connection needs of its server.
class connection_owner {
public:
    virtual server_policy& policy() = 0;
    virtual const server_options& options() const = 0;
    /// Scratch for one message; shared by all connections of the thread.
    virtual std::vector<std::byte>& scratch() = 0;
    /// Whether so much more may be kept for this connection; another one may have to go for it.
    virtual bool charge(server_connection& connection, std::size_t bytes) = 0;
    virtual void release(std::size_t bytes) noexcept = 0;
    virtual void on_connection_gone(server_connection& connection, const error_text& error) = 0;

protected:
    ~connection_owner() = default;
};

class server_connection final : private driver_events, private credential_check {
public:
    server_connection(const engine_context& context, connection_owner& owner);
    ~server_connection() override;

    void start(net::byte_stream stream);
    void abort(std::string_view condition, std::string_view description);
    /// Bytes charged for it.
    std::size_t held() const noexcept { return held_; }
    /// It came to an AMQP open.
    bool opened() const noexcept { return open_; }
    /// Ends it and gives back now what it holds.
    void shed(std::string_view description);

private:
    friend class server_link_impl;
    // driver_events
    void on_event(pn_event_t* event) override;
    void on_flushed() override;
    void on_finished(const error_text& error) override;
    // credential_check
    bool authenticate(std::string_view user, std::string_view password) override;

    void on_attach(pn_link_t* link);
    void refuse(pn_link_t* link, const attach_verdict& verdict);
    void on_link_end(pn_link_t* link);
    void on_session_end(pn_session_t* session);
    void on_delivery(pn_link_t* link, pn_delivery_t* delivery);
    void on_incoming(server_link_impl& link, pn_delivery_t* delivery);
    void on_complete(server_link_impl& link, pn_delivery_t* delivery, std::size_t last_piece);
    void on_outcome(server_link_impl& link, pn_delivery_t* delivery);
    void report_detach(server_link_impl& link);
    /// False: over a bound, and the connection ends.
    bool hold(std::size_t bytes);
    void let_go(std::size_t bytes) noexcept;
    bool hold_link(pn_link_t* link);
    void let_link_go(pn_link_t* link) noexcept;
    bool make_room(server_link_impl& link, std::size_t size);
    void drop_partial(server_link_impl& link) noexcept;
    std::size_t outgoing() noexcept;
    /// A delivery of so many bytes is about to go; false: the connection holds too much.
    bool hold_delivery(server_link_impl& link, std::size_t size, bool presettled);
    void on_deadline(base::time_point now);
    void mark() { io_->mark(); }

    engine_context context_;
    connection_owner& owner_;
    std::shared_ptr<driver_io> io_;
    std::vector<std::unique_ptr<server_link_impl>> links_;
    member_timer<server_connection, &server_connection::on_deadline> deadline_{*this};
    /// Every link that Proton has, refused ones too, and what it is charged for.
    std::unordered_map<pn_link_t*, std::size_t> link_costs_;
    std::size_t held_ = 0;
    std::size_t outgoing_ = 0;  ///< At most so many bytes wait in sessions for the socket.
    bool shed_ = false;
    std::uint32_t waiting_for_room_ = 0;
    bool open_ = false;
};

}  // namespace pgw::amqp
