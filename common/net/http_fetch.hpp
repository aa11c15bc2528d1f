// One plain HTTP/1.1 GET, for polling: connect, ask, read, close.
#pragma once

#include "common/base/clock.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <string>

namespace pgw::net {

struct http_fetch_result {
    int status = 0;    ///< 0: no answer; `error` says why.
    std::string body;  ///< At most `max_body` bytes; more is an error.
    std::string error;
};

/// `host` is an IP address. One deadline from connecting to the last byte.
boost::asio::awaitable<http_fetch_result> http_fetch(
    std::string host,
    std::uint16_t port,
    std::string target,
    base::milliseconds deadline,
    std::size_t max_body = std::size_t{1} << 20
);

}  // namespace pgw::net
