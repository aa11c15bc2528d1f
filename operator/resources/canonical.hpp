// JSON in one spelling, and hashes of it.
#pragma once

#include <boost/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace pgw::resources {

namespace json = boost::json;

/// Serialised with sorted keys: equal values have equal text.
std::string canonical(const json::value& value);

/// XXH64, 16 hexadecimal digits. What workers report of their configuration is the same function.
std::string hash_text(std::string_view text);

/// Of what an object says, whoever wrote it: not its status, versions or bookkeeping. Two states of
/// a live object with equal hashes do not differ for us.
std::uint64_t content_hash(const json::object& live);

/// The member at the path of keys, or nullptr.
const json::value* find(const json::object& object, std::initializer_list<std::string_view> path);
/// The text there; empty where there is none.
std::string_view text_at(const json::object& object, std::initializer_list<std::string_view> path);
std::int64_t number_at(
    const json::object& object,
    std::initializer_list<std::string_view> path,
    std::int64_t otherwise = 0
);

}  // namespace pgw::resources
