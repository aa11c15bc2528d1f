// The core speaks no MQTT: a line protocol ("topic<space>payload\n" answered "ok\n" or "no: why\n")
// is a second adapter over the same seam.
#include "tests/unit/bridge/publisher_fixture.hpp"

namespace {

using namespace pgw;

/// One connection of the line protocol: 40 lines, and nothing of the bridge knows of it.
class line_adapter final : public bridge::publication_sink {
public:
    explicit line_adapter(bridge::publisher& core)
        : core_(core), stream_(core.open(*this, {"line-1", "", "", "lines"}, true)) {}

    void on_line(std::string_view line, base::time_point now) {
        bridge::message message;
        message.assurance = bridge::assurance::at_least_once;
        const auto space = line.find(' ');
        message.topic = line.substr(0, space);
        message.payload = base::as_bytes(line.substr(space + 1));
        const auto submitted = core_.publish(*stream_, message, now);
        if (submitted.status == bridge::submit_status::done) answer(submitted.result);
    }
    std::string output;

private:
    void on_result(std::uint32_t, const bridge::result& result) override { answer(result); }
    void on_capacity() override {}
    void answer(const bridge::result& result) {
        if (result.kind == bridge::result_class::accepted) {
            output += "ok\n";
        } else {
            output += "no: " + std::string(result.text) + "\n";
        }
    }

    bridge::publisher& core_;
    bridge::stream_handle stream_;
};

class line_protocol : public test::publisher_fixture {};

TEST_F(line_protocol, is_an_adapter_like_any_other) {
    build(test::one_route());
    line_adapter adapter(*publisher_);
    adapter.on_line("plant/1 21", now_);
    EXPECT_EQ(adapter.output, "") << "nothing is answered before the upstream did";
    acked().accept(acked().sent[0].token);
    EXPECT_EQ(adapter.output, "ok\n");
    adapter.on_line("plant/1 22", now_);
    acked().answer(acked().sent[1].token, amqp::outcome_kind::rejected, "amqp:unauthorized-access");
    EXPECT_EQ(adapter.output, "ok\nno: amqp:unauthorized-access\n");
}

}  // namespace
