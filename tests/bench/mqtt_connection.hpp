// An MQTT 3.1.1 client connection of the load generator: connects, optionally over TLS, and cuts
// the input into packets. What the packets mean is the derived classes' concern.
#pragma once

#include "tests/bench/poller.hpp"

#include <openssl/types.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace pgw::bench {

/// What all connections of the generator share.
struct connection_context {
    poller& loop;
    std::string host;
    std::uint16_t port = 0;
    SSL_CTX* tls = nullptr;                     ///< Not null: connect over TLS.
    std::vector<class mqtt_connection*> dirty;  ///< Have output; written at the end of the turn.
    std::vector<char> scratch = std::vector<char>(512 * 1024);
};

class mqtt_connection : public event_handler {
public:
    enum class phase : std::uint8_t {
        unconnected,
        connecting,   ///< TCP or TLS handshake under way.
        introducing,  ///< CONNECT sent.
        connected,    ///< CONNACK received.
        closed,       ///< Lost or refused.
    };

    mqtt_connection(connection_context& context, std::string client_id);
    ~mqtt_connection() override;
    mqtt_connection(const mqtt_connection&) = delete;
    mqtt_connection& operator=(const mqtt_connection&) = delete;

    void start();
    /// Sends DISCONNECT; the server's close then ends the connection.
    void disconnect();
    /// Writes what is pending. True: all of it went out.
    bool flush();
    void on_ready(std::uint32_t events) final;
    phase state() const noexcept { return phase_; }

protected:
    virtual void on_connected() = 0;
    virtual void on_packet(std::uint8_t first, std::span<const char> body) = 0;
    virtual void on_writable() {}  ///< All pending output was written.
    virtual void on_closed() = 0;

    void mark_dirty();
    std::vector<char>& output() noexcept { return output_; }
    bool output_blocked() const noexcept { return watching_writable_; }
    connection_context& context_;

private:
    void handshake();
    void introduce();
    void read();
    std::size_t parse(std::span<const char> data);
    void close_socket();
    void watch_writable(bool wanted);

    std::string client_id_;
    phase phase_ = phase::unconnected;
    int descriptor_ = -1;
    SSL* tls_ = nullptr;
    bool dirty_ = false;
    bool watching_writable_ = false;
    std::vector<char> partial_;
    std::vector<char> output_;
    std::size_t written_ = 0;
};

}  // namespace pgw::bench
