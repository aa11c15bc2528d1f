// An HTTP/1.1 server, plain or TLS, that answers what a test wrote down beforehand: good answers,
// broken ones, late ones, none.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace pgw::net {
class byte_stream;
class tls_context;
}  // namespace pgw::net

namespace pgw::test {

struct received_request {
    std::string method;
    std::string target;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::size_t connection = 0;  ///< Counts from 1, in the order in which they were accepted.

    std::string header(const std::string& name) const;  ///< As sent; empty: none.
};

/// What is done about one request, in order. After the last step the connection waits for its next
/// request.
class scripted_answer {
public:
    scripted_answer& bytes(std::string raw);
    /// Status line, Content-Length, `headers` (whole lines, each with CRLF), body.
    scripted_answer& answer(int status, const std::string& body, const std::string& headers = {});
    /// The head of a chunked answer with status 200.
    scripted_answer& stream();
    scripted_answer& chunk(const std::string& body);
    scripted_answer& byte_by_byte(const std::string& body);  ///< Each its own chunk and packet.
    scripted_answer& end_stream();
    scripted_answer& wait_for(std::string gate);  ///< Until the test releases it.
    scripted_answer& close();
    scripted_answer& reset();    ///< Closes with RST.
    scripted_answer& silence();  ///< Nothing more, until the client or the server goes.

private:
    friend class scripted_api_server;
    enum class what : std::uint8_t { bytes, wait, close, reset, silence };
    struct step {
        what kind;
        std::string text;
    };
    std::vector<step> steps_;
};

/// Listens on 127.0.0.1, a thread per connection. Requests are answered in the order in which the
/// script expects them, whatever their connection; one that is not the next expected is a problem,
/// and its connection is closed. The script is written before the client starts.
class scripted_api_server {
public:
    /// With PEM texts it speaks TLS.
    explicit scripted_api_server(std::string certificate = {}, std::string key = {});
    ~scripted_api_server();
    scripted_api_server(const scripted_api_server&) = delete;
    scripted_api_server& operator=(const scripted_api_server&) = delete;

    std::uint16_t port() const noexcept { return port_; }
    /// The next request. `target` must stand in the request's, all of it or a part.
    scripted_answer& expect(std::string method, std::string target);
    void release(const std::string& gate);
    /// Of connections that are accepted from now on.
    void identify_as(std::string certificate, std::string key);

    bool exhausted() const;  ///< Every expected request has come.
    std::size_t connections() const;
    std::vector<received_request> requests() const;
    std::vector<std::string> problems() const;

private:
    struct expectation {
        std::string method;
        std::string target;
        scripted_answer answer;
    };
    struct input;

    void accept();
    net::byte_stream open(int fd);
    void serve(int fd, std::size_t number);
    bool read_request(input& from, received_request& request);
    bool carry_out(net::byte_stream& stream, const scripted_answer& answer);
    bool write(net::byte_stream& stream, const std::string& text);
    bool wait(net::byte_stream& stream, short events);

    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<bool> stopping_ = false;
    mutable std::mutex mutex_;  // around what follows
    std::condition_variable changed_;
    std::deque<std::unique_ptr<expectation>> script_;
    std::size_t next_ = 0;
    std::set<std::string> released_;
    std::vector<received_request> requests_;
    std::vector<std::string> problems_;
    std::shared_ptr<net::tls_context> tls_;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

}  // namespace pgw::test
