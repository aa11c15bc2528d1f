// What the admin server answers to which question. Pure.
#pragma once

#include "common/net/admin_server.hpp"

#include <string>
#include <string_view>

namespace pgw::net {

struct admin_question {
    std::string_view path;  ///< Without what follows a `?`.
    std::string host;       ///< The name under which it is asked; may be empty.
    bool reads = true;      ///< GET or HEAD.
    bool is_local = false;  ///< The peer is this machine.
};

struct admin_reply {
    unsigned status = 200;
    std::string_view content_type = "text/plain; charset=utf-8";
    std::string body{};
};

/// A probe's answer is short: it goes into the socket's buffer at once, whoever reads it.
bool is_probe(std::string_view path);

/// Throws what a handler throws.
admin_reply reply_to(
    const admin_question& question, const admin_handlers& handlers, const admin_options& options
);

}  // namespace pgw::net
