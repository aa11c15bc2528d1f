// Texts and reason codes of the codec's errors.
#include "worker/mqtt/errc.hpp"

namespace pgw::mqtt {

const char* describe(errc error) noexcept {
    switch (error) {
        case errc::ok:
            return "no error";
        case errc::truncated:
            return "the packet ends inside a field";
        case errc::trailing_bytes:
            return "bytes follow the last field";
        case errc::invalid_packet_type:
            return "forbidden packet type";
        case errc::reserved_bits:
            return "a reserved flag is set";
        case errc::invalid_qos:
            return "QoS 3";
        case errc::invalid_dup:
            return "DUP with QoS 0";
        case errc::invalid_variable_integer:
            return "invalid variable byte integer";
        case errc::invalid_utf8:
            return "invalid UTF-8 string";
        case errc::invalid_property:
            return "property unknown or not allowed in this packet";
        case errc::invalid_reason_code:
            return "reason code not allowed in this packet";
        case errc::invalid_connect_flags:
            return "inconsistent connect flags";
        case errc::unsupported_protocol:
            return "unknown protocol name";
        case errc::unsupported_version:
            return "unsupported protocol version";
        case errc::invalid_packet_id:
            return "packet identifier 0";
        case errc::duplicate_property:
            return "duplicate property";
        case errc::invalid_property_value:
            return "property value out of range";
        case errc::missing_topic:
            return "empty topic without topic alias";
        case errc::empty_subscription:
            return "no topic filter";
        case errc::shared_no_local:
            return "No Local on a shared subscription";
        case errc::missing_authentication:
            return "authentication method missing";
        case errc::invalid_topic_alias:
            return "topic alias 0";
        case errc::invalid_topic_name:
            return "invalid topic name";
        case errc::invalid_topic_filter:
            return "invalid topic filter";
        case errc::limit_exceeded:
            return "too many user properties or filters";
        case errc::packet_too_large:
            return "packet too large";
        case errc::unencodable:
            return "a value does not fit its field";
    }
    return "unknown error";
}

reason_code to_reason(errc error) noexcept {
    switch (error) {
        case errc::ok:
            return reason_code::success;
        case errc::unsupported_protocol:
        case errc::unsupported_version:
            return reason_code::unsupported_protocol_version;
        case errc::invalid_packet_id:
        case errc::duplicate_property:
        case errc::invalid_property_value:
        case errc::missing_topic:
        case errc::empty_subscription:
        case errc::shared_no_local:
        case errc::missing_authentication:
            return reason_code::protocol_error;
        case errc::invalid_topic_alias:
            return reason_code::topic_alias_invalid;
        case errc::invalid_topic_name:
            return reason_code::topic_name_invalid;
        case errc::invalid_topic_filter:
            return reason_code::topic_filter_invalid;
        case errc::limit_exceeded:
            return reason_code::quota_exceeded;
        case errc::packet_too_large:
            return reason_code::packet_too_large;
        case errc::unencodable:
            return reason_code::implementation_specific_error;
        default:
            return reason_code::malformed_packet;
    }
}

}  // namespace pgw::mqtt
