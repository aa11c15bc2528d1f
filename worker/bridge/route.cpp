// Compiling and expanding.
#include "worker/bridge/route.hpp"

namespace pgw::bridge {

route::route(const manifest::publish_route& spec)
    : spec_(&spec), subject_is_topic_(spec.subject == "{topic}") {
    if (auto parsed = manifest::parse_topic_template(spec.match_topic);
        auto* topic = std::get_if<manifest::topic_template>(&parsed)) {
        topic_ = std::move(*topic);
    }
    const auto bound = topic_.variables();
    address_ = compiled_value(spec.address, bound);
    subject_ = compiled_value(spec.subject, bound);
    for (const auto& [key, value] : spec.properties) properties_.emplace_back(value, bound);
}

std::optional<envelope> route::expand(
    const captures& captured,
    const message& message,
    const client_info& client,
    message_key key,
    expansion& scratch
) const {
    envelope result;
    result.key = key;
    const builtin_values builtins{
        client.client_id, client.identity, client.user_name, client.listener, message.topic
    };
    auto& text = scratch.text;
    text.clear();
    // The text may move while it grows: take views only when all of it is there.
    if (!address_.is_constant()) {
        address_.append(text, captured, builtins);
        if (text.empty()) return std::nullopt;
    }
    const auto address_end = text.size();
    if (!subject_is_topic_ && !subject_.is_constant()) subject_.append(text, captured, builtins);
    const auto subject_end = text.size();
    scratch.ends.clear();
    for (const auto& value : properties_) {
        value.append(text, captured, builtins);
        scratch.ends.push_back(text.size());
    }

    const std::string_view all = text;
    result.to = all.substr(0, address_end);
    if (subject_is_topic_) {
        result.subject = message.topic;
    } else if (subject_.is_constant()) {
        result.subject = subject_.constant();
    } else {
        result.subject = all.substr(address_end, subject_end - address_end);
    }
    scratch.properties.clear();
    auto begin = subject_end;
    for (std::size_t i = 0; i < properties_.size(); ++i) {
        scratch.properties.push_back(
            {spec_->properties[i].first, all.substr(begin, scratch.ends[i] - begin)}
        );
        begin = scratch.ends[i];
    }
    result.properties = scratch.properties;
    return result;
}

}  // namespace pgw::bridge
