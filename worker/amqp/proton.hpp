// Small conversions between Proton's C types and ours. Internal: sees Proton.
#pragma once

#include "common/base/bytes.hpp"
#include "worker/amqp/link.hpp"

#include <proton/condition.h>
#include <proton/delivery.h>
#include <proton/link.h>
#include <proton/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgw::amqp {

/// A condition symbol and its text.
struct error_text {
    std::string condition;
    std::string description;
    bool empty() const noexcept { return condition.empty() && description.empty(); }
    /// "condition: description", or what there is of it.
    std::string joined() const;
};

inline std::string_view view_of(const char* text) noexcept {
    return text != nullptr ? std::string_view(text) : std::string_view();
}

/// Empty when the condition is not set.
error_text read_condition(pn_condition_t* condition);
/// Nothing happens when both are empty.
void write_condition(pn_condition_t* target, std::string_view name, std::string_view description);

/// What the peer's state of a delivery means, or nullopt while a terminal one is still to come.
/// Views live as long as the delivery. [2.6.12, 3.4]
std::optional<outcome> outcome_of(pn_delivery_t* delivery) noexcept;
/// Sets the local state; `none` sets nothing, `unknown` sets `received`.
void apply_outcome(pn_delivery_t* delivery, const outcome& outcome);

/// The symbols in a data value: one symbol or an array of them. At most 16.
std::vector<std::string> read_symbols(pn_data_t* data);

}  // namespace pgw::amqp
