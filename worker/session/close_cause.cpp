#include "worker/session/close_cause.hpp"

namespace pgw::session {

std::string_view name(close_cause cause) noexcept {
    switch (cause) {
        case close_cause::none:
            return "none";
        case close_cause::client_disconnect:
            return "client_disconnect";
        case close_cause::transport_closed:
            return "transport_closed";
        case close_cause::connect_timeout:
            return "connect_timeout";
        case close_cause::keep_alive_timeout:
            return "keep_alive_timeout";
        case close_cause::malformed_packet:
            return "malformed_packet";
        case close_cause::protocol_error:
            return "protocol_error";
        case close_cause::packet_too_large:
            return "packet_too_large";
        case close_cause::unsupported_version:
            return "unsupported_version";
        case close_cause::identifier_rejected:
            return "identifier_rejected";
        case close_cause::not_authorized:
            return "not_authorized";
        case close_cause::receive_maximum_exceeded:
            return "receive_maximum_exceeded";
        case close_cause::taken_over:
            return "taken_over";
        case close_cause::refused_publication:
            return "refused_publication";
        case close_cause::stalled:
            return "stalled";
        case close_cause::overloaded:
            return "overloaded";
        case close_cause::draining:
            return "draining";
        case close_cause::internal_error:
            return "internal_error";
        case close_cause::packet_timeout:
            return "packet_timeout";
    }
    return "unknown";
}

}  // namespace pgw::session
