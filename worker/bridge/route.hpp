// A publish route, compiled: what it matches and what it makes of a match.
#pragma once

#include "common/manifest/model/gateway.hpp"
#include "worker/bridge/mapping.hpp"
#include "worker/bridge/topic_match.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgw::bridge {

class lane;

/// Scratch for expand(): reused, so that a steady state allocates nothing.
struct expansion {
    std::string text;
    std::vector<std::size_t> ends;
    std::vector<property> properties;
};

struct route {
    /// `spec` outlives the route. Its templates are valid.
    explicit route(const manifest::publish_route& spec);

    const manifest::publish_route& spec() const noexcept { return *spec_; }
    bool address_is_constant() const noexcept { return address_.is_constant(); }
    bool strict() const noexcept { return spec_->ordering == manifest::ordering::strict; }
    bool matches(std::string_view topic, captures& captured) const noexcept {
        return match(topic_, topic, captured);
    }
    /// What the route adds to the message; views into `scratch`, the route and the arguments.
    /// Nothing when a variable address comes out empty.
    std::optional<envelope> expand(
        const captures& captured,
        const message& message,
        const client_info& client,
        message_key key,
        expansion& scratch
    ) const;

    lane* at_most_once = nullptr;
    lane* at_least_once = nullptr;
    lane* dead_letter = nullptr;

private:
    const manifest::publish_route* spec_;
    manifest::topic_template topic_;
    compiled_value address_;
    compiled_value subject_;
    std::vector<compiled_value> properties_;
    bool subject_is_topic_ = false;
};

}  // namespace pgw::bridge
