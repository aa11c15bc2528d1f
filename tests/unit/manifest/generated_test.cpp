// The files that are generated from the field tables are up to date, and say what they must.
#include "common/manifest/generate/crd.hpp"
#include "common/manifest/generate/crd_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

namespace json = boost::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string file_text(const std::string& path) {
    std::ifstream file(PGW_SOURCE_DIR "/" + path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// Calls `visit(path, schema)` for every node of a schema.
template <class Visit>
void walk(const std::string& path, const json::object& schema, Visit visit) {
    visit(path, schema);
    if (const auto* properties = schema.if_contains("properties")) {
        for (const auto& [name, value] : properties->get_object()) {
            walk(
                path.empty() ? std::string(name) : path + "." + std::string(name),
                value.get_object(),
                visit
            );
        }
    }
    if (const auto* items = schema.if_contains("items")) {
        walk(path + "[]", items->get_object(), visit);
    }
    if (const auto* values = schema.if_contains("additionalProperties")) {
        walk(path + ".*", values->get_object(), visit);
    }
}

json::object schema() {
    return pgw::manifest::crd()
        .at("spec")
        .at("versions")
        .at(0)
        .at("schema")
        .at("openAPIV3Schema")
        .get_object();
}

TEST(generated, crd_is_up_to_date) {
    EXPECT_EQ(file_text("crds/protocolgateways.yaml"), pgw::manifest::crd_yaml())
        << "run make generate";
}

TEST(generated, reference_is_up_to_date) {
    EXPECT_EQ(file_text("docs/crd-reference.md"), pgw::manifest::crd_reference())
        << "run make generate";
}

TEST(crd, has_one_default) {
    std::vector<std::string> defaults;
    walk({}, schema(), [&](const std::string& path, const json::object& node) {
        if (node.contains("default")) defaults.push_back(path);
    });
    EXPECT_THAT(defaults, ElementsAre("spec.shards"));
}

// What is not bounded makes the estimated cost of rules unbounded.
TEST(crd, bounds_everything_in_spec) {
    walk({}, schema(), [&](const std::string& path, const json::object& node) {
        if (!path.starts_with("spec")) return;
        const auto* const type = node.if_contains("type");
        const std::string_view kind =
            type == nullptr ? "size" : std::string_view(type->get_string());
        if (kind == "array") {
            EXPECT_TRUE(node.contains("maxItems")) << path;
        }
        if (kind == "integer") {
            EXPECT_TRUE(node.contains("maximum")) << path;
        }
        if ((kind == "string" && !node.contains("enum")) || kind == "size") {
            EXPECT_TRUE(node.contains("maxLength")) << path;
        }
        if (node.contains("additionalProperties")) {
            EXPECT_TRUE(node.contains("maxProperties")) << path;
        }
    });
}

TEST(crd, places_every_rule) {
    std::vector<std::string> placed;
    walk({}, schema(), [&](const std::string& path, const json::object& node) {
        const auto* const rules = node.if_contains("x-kubernetes-validations");
        if (rules == nullptr) return;
        for (const auto& rule : rules->get_array()) {
            placed.push_back(path + ": " + std::string(rule.at("rule").get_string()));
        }
    });
    for (const auto& rule : pgw::manifest::cel_rules()) {
        EXPECT_THAT(placed, testing::Contains(rule.path + ": " + rule.rule));
    }
}

TEST(crd, lists_by_name_are_maps_and_ordered_lists_are_atomic) {
    std::vector<std::string> maps;
    walk({}, schema(), [&](const std::string& path, const json::object& node) {
        const auto* const kind = node.if_contains("x-kubernetes-list-type");
        if (kind != nullptr && *kind == "map") maps.push_back(path);
    });
    EXPECT_THAT(
        maps, ElementsAre("spec.listeners", "spec.upstreams", "status.conditions", "status.shards")
    );
}

TEST(reference, has_paths_defaults_and_values) {
    const auto text = pgw::manifest::crd_reference();
    EXPECT_THAT(text, HasSubstr("| `spec.listeners[].tls.clientAuth.mode` | enum | `None` |"));
    EXPECT_THAT(
        text, HasSubstr("| `spec.limits.maxPacketSize` | size, 256..268435455 | `256Ki` |")
    );
    EXPECT_THAT(text, HasSubstr("| `spec.shards` | integer, 0..256 | `1` | operator | live |"));
    EXPECT_THAT(text, HasSubstr("| `status.shards[].state` | string |"));
    EXPECT_THAT(text, Not(HasSubstr("managedFields")));
}

}  // namespace
