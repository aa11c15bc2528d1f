// Following the manifest's file: what is taken over, what is refused and how often that is said.
#include "worker/server/config_watch.hpp"

#include "common/manifest/read/read.hpp"
#include "tests/support/certificates.hpp"
#include "worker/server/manifest_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

namespace pgw::server {
namespace {

using ::testing::HasSubstr;

std::string manifest(const std::string& more = {}, int port = 1883) {
    return "apiVersion: protocolgateway.dev/v1alpha1\n"
           "kind: ProtocolGateway\n"
           "metadata: {name: g}\n"
           "spec:\n"
           "  listeners: [{name: mqtt, type: MQTT, port: " +
           std::to_string(port) +
           "}]\n"
           "  authentication: [{name: anyone, type: Anonymous}]\n"
           "  upstreams: [{name: up, type: Generic, endpoints: ['amqp://localhost:5672']}]\n"
           "  routes: {publish: [{name: r, match: {topic: '{*rest}'}, to: {upstream: up, address: "
           "a}}]}\n" +
           more;
}

class config_watch_test : public ::testing::Test {
protected:
    config_watch_test() { folder.write("gateway.yaml", manifest()); }

    config_watch make(const std::string& name = "gateway.yaml") {
        auto sink = std::make_shared<base::log_sink>(
            base::log_level::info,
            base::log_format::json,
            [this](std::string_view line) { log += line; }
        );
        auto read = manifest::read_manifest(manifest());
        return {
            folder.path(name), manifest(), std::get<manifest::gateway>(read), base::logger(sink)
        };
    }
    std::size_t logged(const std::string& what) const {
        std::size_t count = 0;
        for (auto at = log.find(what); at != std::string::npos; at = log.find(what, at + 1))
            ++count;
        return count;
    }

    test::temporary_directory folder;
    std::string log;
};

TEST_F(config_watch_test, hashes_are_xxh64_in_hexadecimal) {
    EXPECT_EQ(manifest_hash(""), "ef46db3751d8e999");
    EXPECT_EQ(manifest_hash("a"), "d24ec4f1a98c6e5b");
}

TEST_F(config_watch_test, an_unchanged_file_changes_nothing) {
    auto watch = make();
    EXPECT_EQ(watch.hash(), manifest_hash(manifest()));
    EXPECT_FALSE(watch.check());
    EXPECT_FALSE(watch.check());
    EXPECT_EQ(watch.problem(), "");
    EXPECT_EQ(log, "");
}

TEST_F(config_watch_test, live_fields_are_taken_over) {
    auto watch = make();
    const auto text = manifest("  logging: {level: Debug}\n  limits: {maxConnections: 77}\n");
    folder.write("gateway.yaml", text);
    EXPECT_TRUE(watch.check());
    EXPECT_EQ(watch.hash(), manifest_hash(text));
    EXPECT_EQ(watch.applied().logging.level, base::log_level::debug);
    EXPECT_EQ(watch.applied().limits.max_connections, 77u);
    EXPECT_FALSE(watch.check()) << "once";
}

TEST_F(config_watch_test, what_needs_a_new_process_is_said_and_not_done) {
    auto watch = make();
    folder.write("gateway.yaml", manifest("  logging: {level: Debug}\n", 1884));
    EXPECT_FALSE(watch.check());
    EXPECT_EQ(watch.problem(), "needs a new process: spec.listeners[0].port");
    EXPECT_EQ(watch.hash(), manifest_hash(manifest()));
    EXPECT_EQ(watch.applied().logging.level, base::log_level::info) << "all or nothing";
}

TEST_F(config_watch_test, an_invalid_file_is_said_once_and_changes_nothing) {
    auto watch = make();
    folder.write("gateway.yaml", manifest("  limits: {maxConnections: 0}\n  nonsense: 1\n"));
    EXPECT_FALSE(watch.check());
    EXPECT_THAT(watch.problem(), HasSubstr("invalid: "));
    EXPECT_THAT(watch.problem(), HasSubstr("spec.limits.maxConnections"));
    EXPECT_THAT(watch.problem(), HasSubstr("nonsense"));
    folder.write("gateway.yaml", manifest("  limits: {maxConnections: 0}\n  nonsense: 1\n"));
    EXPECT_FALSE(watch.check());
    EXPECT_EQ(logged("configuration not applied"), 1u);
    EXPECT_EQ(watch.hash(), manifest_hash(manifest()));
}

TEST_F(config_watch_test, the_applied_text_again_ends_the_problem) {
    auto watch = make();
    folder.write("gateway.yaml", "{");
    EXPECT_FALSE(watch.check());
    EXPECT_NE(watch.problem(), "");
    folder.write("gateway.yaml", manifest());
    EXPECT_FALSE(watch.check());
    EXPECT_EQ(watch.problem(), "");
}

TEST_F(config_watch_test, a_missing_file_is_a_problem_until_it_is_back) {
    auto watch = make();
    std::filesystem::remove(folder.path("gateway.yaml"));
    EXPECT_FALSE(watch.check());
    EXPECT_THAT(watch.problem(), HasSubstr("cannot be read"));
    EXPECT_FALSE(watch.check());
    EXPECT_EQ(logged("configuration not applied"), 1u);
    folder.write("gateway.yaml", manifest());
    EXPECT_FALSE(watch.check());
    EXPECT_EQ(watch.problem(), "");
}

TEST_F(config_watch_test, a_pipe_in_its_place_is_a_problem_and_not_waited_for) {
    auto watch = make();
    std::filesystem::remove(folder.path("gateway.yaml"));
    ASSERT_EQ(::mkfifo(folder.path("gateway.yaml").c_str(), 0600), 0);
    EXPECT_FALSE(watch.check());
    EXPECT_EQ(watch.problem(), "cannot be read: is a pipe, not a regular file");
}

// As a ConfigMap is mounted: gateway.yaml → ..data/gateway.yaml, ..data → a folder of its time.
TEST_F(config_watch_test, a_swapped_link_is_noticed) {
    folder.write("mount/..1/gateway.yaml", manifest());
    std::filesystem::create_symlink("..1", folder.path("mount/..data"));
    std::filesystem::create_symlink("..data/gateway.yaml", folder.path("mount/gateway.yaml"));
    auto watch = make("mount/gateway.yaml");
    EXPECT_FALSE(watch.check());
    const auto text = manifest("  limits: {maxConnections: 7}\n");
    folder.write("mount/..2/gateway.yaml", text);
    std::filesystem::create_symlink("..2", folder.path("mount/..new"));
    std::filesystem::rename(folder.path("mount/..new"), folder.path("mount/..data"));
    EXPECT_TRUE(watch.check());
    EXPECT_EQ(watch.applied().limits.max_connections, 7u);
}

TEST_F(config_watch_test, without_a_path_nothing_is_looked_at) {
    config_watch watch("", manifest(), {}, {});
    EXPECT_FALSE(watch.check());
    EXPECT_EQ(watch.problem(), "");
}

}  // namespace
}  // namespace pgw::server
