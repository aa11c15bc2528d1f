// What the API server, or the way to it, answers instead of the thing asked for.
#pragma once

#include "common/base/clock.hpp"

#include <boost/system/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pgw::kube {

/// What a caller may want to tell apart. From `Status.reason` where there is one, else from the
/// HTTP code.
enum class error_kind : std::uint8_t {
    not_found,          ///< 404.
    already_exists,     ///< 409, reason AlreadyExists: a create met an object of that name.
    conflict,           ///< 409 otherwise: resourceVersion, uid precondition, field ownership.
    expired,            ///< 410, reasons Expired and Gone: list again.
    too_large_version,  ///< 504 with cause ResourceVersionTooLarge: list without resourceVersion.
    invalid,            ///< 422 and 400: the object is wrong; trying again does not help.
    unauthorized,       ///< 401: the credentials have expired or are wrong.
    forbidden,          ///< 403: not allowed (yet).
    namespace_ends,     ///< 403 with cause NamespaceTerminating.
    throttled,          ///< 429: `retry_after` says how long to wait.
    unavailable,        ///< 5xx: the server cannot answer now.
    transport,          ///< No answer: connect, TLS, reset, time-out, malformed HTTP.
    stopped,            ///< The client was stopped.
};

struct error {
    error_kind kind = error_kind::transport;
    int code = 0;         ///< HTTP status; 0 where there was no answer.
    std::string reason;   ///< `Status.reason`; may be empty.
    std::string message;  ///< For people: `Status.message`, or what failed.
    std::optional<base::milliseconds> retry_after;
    struct cause {
        std::string field;
        std::string message;
    };
    std::vector<cause> causes;  ///< `Status.details.causes`.

    /// Whether the same request may succeed later without a change of the object.
    bool retryable() const noexcept;
};

std::string to_string(const error& error);

template <class T>
using result = boost::system::result<T, error>;

}  // namespace pgw::kube
