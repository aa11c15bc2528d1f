#include "worker/amqp/proton.hpp"

#include <proton/codec.h>
#include <proton/disposition.h>

namespace pgw::amqp {

std::string error_text::joined() const {
    if (condition.empty()) return description;
    if (description.empty()) return condition;
    return condition + ": " + description;
}

error_text read_condition(pn_condition_t* condition) {
    if (condition == nullptr || !pn_condition_is_set(condition)) return {};
    return {
        std::string(view_of(pn_condition_get_name(condition))),
        std::string(view_of(pn_condition_get_description(condition)))
    };
}

void write_condition(pn_condition_t* target, std::string_view name, std::string_view description) {
    if (name.empty() && description.empty()) return;
    pn_condition_set_name(target, std::string(name.empty() ? "amqp:internal-error" : name).c_str());
    if (!description.empty()) {
        pn_condition_set_description(target, std::string(description).c_str());
    }
}

std::optional<outcome> outcome_of(pn_delivery_t* delivery) noexcept {
    const bool settled = pn_delivery_settled(delivery);
    const auto state = pn_delivery_remote_state(delivery);
    outcome result;
    switch (state) {
        case PN_ACCEPTED:
            result.kind = outcome_kind::accepted;
            return result;
        case PN_REJECTED: {
            result.kind = outcome_kind::rejected;
            auto* condition = pn_disposition_condition(pn_delivery_remote(delivery));
            if (condition != nullptr && pn_condition_is_set(condition)) {
                result.condition = view_of(pn_condition_get_name(condition));
                result.description = view_of(pn_condition_get_description(condition));
            }
            return result;
        }
        case PN_RELEASED:
            result.kind = outcome_kind::released;
            return result;
        case PN_MODIFIED: {
            auto* remote = pn_delivery_remote(delivery);
            result.kind = outcome_kind::modified;
            result.delivery_failed = pn_disposition_is_failed(remote);
            result.undeliverable_here = pn_disposition_is_undeliverable(remote);
            return result;
        }
        default:
            // received, declared, transactional or anything else never is an acceptance; before it
            // is settled a real outcome may still follow.
            if (!settled) return std::nullopt;
            result.kind = state == 0 ? outcome_kind::none : outcome_kind::unknown;
            return result;
    }
}

void apply_outcome(pn_delivery_t* delivery, const outcome& outcome) {
    auto* local = pn_delivery_local(delivery);
    switch (outcome.kind) {
        case outcome_kind::accepted:
            pn_delivery_update(delivery, PN_ACCEPTED);
            break;
        case outcome_kind::rejected:
            write_condition(
                pn_disposition_condition(local), outcome.condition, outcome.description
            );
            pn_delivery_update(delivery, PN_REJECTED);
            break;
        case outcome_kind::released:
            pn_delivery_update(delivery, PN_RELEASED);
            break;
        case outcome_kind::modified:
            pn_disposition_set_failed(local, outcome.delivery_failed);
            pn_disposition_set_undeliverable(local, outcome.undeliverable_here);
            pn_delivery_update(delivery, PN_MODIFIED);
            break;
        case outcome_kind::unknown:
            pn_delivery_update(delivery, PN_RECEIVED);
            break;
        case outcome_kind::none:
            break;
    }
}

std::vector<std::string> read_symbols(pn_data_t* data) {
    constexpr std::size_t most = 16;
    std::vector<std::string> symbols;
    if (data == nullptr) return symbols;
    const auto add = [&] {
        const auto symbol = pn_data_get_symbol(data);
        symbols.emplace_back(symbol.start != nullptr ? symbol.start : "", symbol.size);
    };
    pn_data_rewind(data);
    if (!pn_data_next(data)) return symbols;
    if (pn_data_type(data) == PN_SYMBOL) {
        add();
    } else if (pn_data_type(data) == PN_ARRAY && pn_data_get_array_type(data) == PN_SYMBOL) {
        pn_data_enter(data);
        while (symbols.size() < most && pn_data_next(data)) add();
        pn_data_exit(data);
    }
    pn_data_rewind(data);
    return symbols;
}

}  // namespace pgw::amqp
