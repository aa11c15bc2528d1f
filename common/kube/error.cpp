// Errors from answers.
#include "common/kube/error.hpp"

#include "common/kube/status.hpp"

#include <charconv>

namespace pgw::kube {

namespace json = boost::json;

namespace {

constexpr std::size_t longest_text = 512;
constexpr std::int64_t longest_wait_seconds = 3600;

std::string text_of(const json::object& object, std::string_view key) {
    const auto* found = object.if_contains(json::string_view(key.data(), key.size()));
    if (found == nullptr || !found->is_string()) return {};
    return std::string(found->get_string());
}

std::optional<base::milliseconds> seconds_of(std::int64_t seconds) {
    if (seconds < 0 || seconds > longest_wait_seconds) return std::nullopt;
    return base::seconds{seconds};
}

bool has_cause(const error& e, std::string_view reason) {
    for (const auto& cause : e.causes) {
        if (cause.reason == reason) return true;
    }
    return false;
}

error_kind kind_of(const error& e) {
    if (e.reason == "AlreadyExists") return error_kind::already_exists;
    if (e.reason == "Expired" || e.reason == "Gone") return error_kind::expired;
    switch (e.code) {
        case 400:
        case 415:
        case 422:
            return error_kind::invalid;
        case 401:
            return error_kind::unauthorized;
        case 403:
            return has_cause(e, "NamespaceTerminating") ? error_kind::namespace_ends
                                                        : error_kind::forbidden;
        case 404:
            return error_kind::not_found;
        case 409:
            return error_kind::conflict;
        case 410:
            return error_kind::expired;
        case 429:
            return error_kind::throttled;
        default:
            break;
    }
    if (has_cause(e, "ResourceVersionTooLarge")) return error_kind::too_large_version;
    if (e.code >= 500) return error_kind::unavailable;
    return e.code >= 400 ? error_kind::invalid : error_kind::unavailable;
}

void read_details(const json::object& status, error& e) {
    const auto* found = status.if_contains("details");
    const auto* details = found == nullptr ? nullptr : found->if_object();
    if (details == nullptr) return;
    if (const auto* wait = details->if_contains("retryAfterSeconds"); wait && wait->is_int64()) {
        e.retry_after = seconds_of(wait->get_int64());
    }
    const auto* causes = details->if_contains("causes");
    if (causes == nullptr || !causes->is_array()) return;
    for (const auto& item : causes->get_array()) {
        const auto* cause = item.if_object();
        if (cause == nullptr) continue;
        e.causes.push_back(
            {text_of(*cause, "reason"), text_of(*cause, "field"), text_of(*cause, "message")}
        );
    }
}

}  // namespace

error error_from_status(const json::object& status) {
    error e;
    e.reason = text_of(status, "reason");
    e.message = text_of(status, "message");
    if (const auto* code = status.if_contains("code"); code != nullptr && code->is_int64()) {
        e.code = static_cast<int>(code->get_int64());
    }
    read_details(status, e);
    e.kind = kind_of(e);
    return e;
}

error error_from_answer(int code, std::string_view body, std::string_view retry_after) {
    error e;
    boost::system::error_code failed;
    const auto parsed = json::parse(json::string_view(body.data(), body.size()), failed);
    if (!failed && parsed.is_object() && text_of(parsed.get_object(), "kind") == "Status") {
        e = error_from_status(parsed.get_object());
    } else {
        e.message = body.substr(0, longest_text);
    }
    e.code = code;
    std::int64_t seconds = 0;
    const auto* const end = retry_after.data() + retry_after.size();
    if (const auto read = std::from_chars(retry_after.data(), end, seconds);
        !retry_after.empty() && read.ec == std::errc{} && read.ptr == end) {
        e.retry_after = seconds_of(seconds);
    }
    e.kind = kind_of(e);
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
