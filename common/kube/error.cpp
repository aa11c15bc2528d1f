// Errors from answers.
#include "common/kube/error.hpp"

#include "common/kube/status.hpp"
#include "common/kube/watch_event.hpp"

#include <algorithm>
#include <charconv>

namespace pgw::kube {

namespace {

constexpr std::size_t longest_text = 512;
constexpr std::int64_t longest_wait_seconds = 86'400;

}  // namespace

error error_from_answer(int code, std::string_view body, std::string_view retry_after) {
    boost::system::error_code failed;
    const auto parsed = json::parse(json::string_view(body.data(), body.size()), failed);
    const bool is_object = !failed && parsed.is_object();
    auto e = decode_status(is_object ? parsed.get_object() : json::object(), code);
    if (e.message.empty()) e.message = body.substr(0, longest_text);
    std::int64_t seconds = 0;
    const auto* const begin = retry_after.begin();
    const auto* const end = retry_after.end();
    const auto read = std::from_chars(begin, end, seconds);
    if (begin != end && read.ec == std::errc{} && read.ptr == end && seconds >= 0) {
        e.retry_after = base::seconds{std::min(seconds, longest_wait_seconds)};
    }
    return e;
}

bool error::retryable() const noexcept {
    switch (kind) {
        case error_kind::already_exists:
        case error_kind::invalid:
        case error_kind::namespace_ends:
        case error_kind::not_found:
        case error_kind::stopped:
            return false;
        default:
            return true;
    }
}

std::string to_string(const error& e) {
    std::string text;
    if (e.code != 0) text += std::to_string(e.code);
    if (!e.reason.empty()) text += (text.empty() ? "" : " ") + e.reason;
    if (!e.message.empty()) text += (text.empty() ? "" : ": ") + e.message;
    return text.empty() ? "unknown error" : text;
}

}  // namespace pgw::kube
