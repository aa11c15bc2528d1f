#include "worker/broker/stored_message.hpp"

#include "worker/amqp/decoding.hpp"

#include <algorithm>
#include <utility>

namespace pgw::broker {

base::bytes_view with_delivery_count(const stored_message& message, std::vector<std::byte>& out) {
    constexpr std::size_t header_bound = 64;
    auto rest = message.view();
    amqp::header_fields header;
    amqp::section_reader sections(rest);
    if (const auto first = sections.next(); first && first->kind == amqp::section::header) {
        const auto fields = amqp::read_header(first->value);
        if (!fields) return rest;  // not ours to repair
        header = *fields;
        rest = rest.subspan(first->encoded.size());
    }
    header.delivery_count += message.failed_attempts;
    out.resize(header_bound + rest.size());
    amqp::writer writer(out);
    amqp::write_header(writer, header);
    writer.raw(rest);
    return base::bytes_view(out).first(writer.size());
}

std::uint64_t unsettled_table::put(stored_message message) {
    if (free_.empty()) {
        free_.push_back(static_cast<std::uint32_t>(slots_.size()));
        slots_.emplace_back();
    }
    const auto index = free_.back();
    free_.pop_back();
    auto& entry = slots_[index];
    entry.message = std::move(message);
    entry.used = true;
    return std::uint64_t{++entry.generation} << 32 | index;
}

bool unsettled_table::take(std::uint64_t token, stored_message& out) {
    const auto index = static_cast<std::uint32_t>(token);
    if (index >= slots_.size()) return false;
    auto& entry = slots_[index];
    if (!entry.used || entry.generation != static_cast<std::uint32_t>(token >> 32)) return false;
    out = std::move(entry.message);
    entry.used = false;
    free_.push_back(index);
    return true;
}

std::vector<stored_message> unsettled_table::take_all() {
    std::vector<stored_message> all;
    for (auto& entry : slots_) {
        if (entry.used) all.push_back(std::move(entry.message));
    }
    slots_.clear();
    free_.clear();
    std::ranges::sort(all, std::ranges::greater{}, &stored_message::sequence);
    return all;
}

}  // namespace pgw::broker
