// Intent against reality, overlays, hashes.
#include "operator/resources/contains.hpp"

#include "operator/resources/overlay.hpp"

#include <gtest/gtest.h>

namespace pgw::resources {
namespace {

struct contains_case {
    const char* name;
    const char* live;
    const char* desired;
    bool holds;
};

class contains_table : public testing::TestWithParam<contains_case> {};

TEST_P(contains_table, says_whether_the_intent_is_still_there) {
    const auto& c = GetParam();
    EXPECT_EQ(contains(json::parse(c.live), json::parse(c.desired)), c.holds);
}

INSTANTIATE_TEST_SUITE_P(
    all,
    contains_table,
    testing::Values(
        contains_case{"equal", R"({"a": 1})", R"({"a": 1})", true},
        contains_case{"defaulted", R"({"a": 1, "b": 2})", R"({"a": 1})", true},
        contains_case{"lost", R"({"b": 2})", R"({"a": 1})", false},
        contains_case{"changed", R"({"a": 2})", R"({"a": 1})", false},
        contains_case{"empty_object_is_nothing", R"({})", R"({"a": {"b": []}})", true},
        contains_case{"empty_text_is_nothing", R"({})", R"({"a": ""})", true},
        contains_case{"false_is_something", R"({})", R"({"a": false})", false},
        contains_case{"zero_is_something", R"({})", R"({"a": 0})", false},
        contains_case{"quantity", R"({"cpu": "1"})", R"({"cpu": "1000m"})", true},
        contains_case{"other_quantity", R"({"cpu": "1"})", R"({"cpu": "1001m"})", false},
        contains_case{"binary_quantity", R"({"m": "1Gi"})", R"({"m": "1024Mi"})", true},
        contains_case{"text_is_no_quantity", R"({"m": "1"})", R"({"m": "one"})", false},
        contains_case{
            "named_items_in_any_order",
            R"([{"name": "b", "x": 1}, {"name": "a", "y": 0}])",
            R"([{"name": "a"}, {"name": "b"}])",
            true
        },
        contains_case{"named_item_lost", R"([{"name": "b"}])", R"([{"name": "a"}])", false},
        contains_case{"plain_item_added", R"(["a", "b"])", R"(["a"])", false},
        contains_case{"kind_of_value_changed", R"({"a": []})", R"({"a": {"b": 1}})", false}
    ),
    [](const auto& tested) { return tested.param.name; }
);

TEST(overlay, merges_named_items_and_replaces_other_lists) {
    auto base =
        json::parse(R"({"containers": [{"name": "worker", "env": [{"name": "A", "value": "1"}],
                                                "args": ["x"]}], "tolerations": [1]})");
    lay_over(
        base, json::parse(R"({"containers": [{"name": "worker", "env": [{"name": "B", "value": "2"},
        {"name": "A", "value": "3"}]}, {"name": "sidecar"}], "tolerations": [2, 3]})")
    );
    EXPECT_EQ(
        base, json::parse(R"({"containers": [{"name": "worker", "env": [{"name": "A", "value": "3"},
            {"name": "B", "value": "2"}], "args": ["x"]}, {"name": "sidecar"}],
            "tolerations": [2, 3]})")
    );
}

TEST(overlay, null_removes) {
    auto base = json::parse(R"({"a": 1, "b": {"c": 2}})");
    lay_over(base, json::parse(R"({"a": null, "b": {"c": null}})"));
    EXPECT_EQ(base, json::parse(R"({"b": {}})"));
}

TEST(hashes, canonical_text_does_not_depend_on_the_order_of_members) {
    EXPECT_EQ(
        canonical(json::parse(R"({"b": [1, {"z": 1, "y": 2}], "a": null})")),
        canonical(json::parse(R"({"a": null, "b": [1, {"y": 2, "z": 1}]})"))
    );
}

TEST(hashes, text_hash_is_xxh64_in_hexadecimal) {
    EXPECT_EQ(hash_text(""), "ef46db3751d8e999");
    EXPECT_EQ(hash_text("a"), "d24ec4f1a98c6e5b");
}

TEST(hashes, content_ignores_what_the_system_writes) {
    const auto before =
        json::parse(R"({"kind": "Deployment", "metadata": {"name": "x", "resourceVersion": "1",
        "labels": {"a": "b"}}, "spec": {"replicas": 1}})");
    const auto after =
        json::parse(R"({"kind": "Deployment", "metadata": {"name": "x", "resourceVersion": "2",
        "generation": 4, "managedFields": [1], "labels": {"a": "b"},
        "annotations": {"deployment.kubernetes.io/revision": "2"}}, "spec": {"replicas": 1}, "status": {"x": 1}})"
        );
    const auto edited =
        json::parse(R"({"kind": "Deployment", "metadata": {"name": "x", "labels": {"a": "c"}},
        "spec": {"replicas": 1}})");
    EXPECT_NE(content_hash(before.as_object()), content_hash(edited.as_object()));
    EXPECT_EQ(content_hash(before.as_object()), content_hash(before.as_object()));
    // An annotations object that holds only bookkeeping is an empty one, not none.
    auto with_none = before.as_object();
    with_none["metadata"].as_object()["annotations"] = json::object{};
    EXPECT_EQ(content_hash(with_none), content_hash(after.as_object()));
}

}  // namespace
}  // namespace pgw::resources
