#include "worker/mqtt/property_reader.hpp"

#include "worker/mqtt/topic.hpp"

namespace pgw::mqtt {

std::string_view read_response_topic(reader& in) noexcept {
    const auto topic = in.raw_text();
    const auto check = check_topic_name(topic);
    require(in, check.error == errc::ok, check.error);
    require(in, check.levels > 0, errc::invalid_topic_name);
    return topic;
}

}  // namespace pgw::mqtt
