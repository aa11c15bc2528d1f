// The steady message path allocates nothing.
#include "tests/unit/session/harness.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> allocations{0};

void* counted(std::size_t size) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) {
    return counted(size);
}
void* operator new[](std::size_t size) {
    return counted(size);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete[](void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace pgw::session {
namespace {

TEST(allocation, publish_to_puback_allocates_nothing_once_warm) {
    const mqtt::user_property list[] = {{"k", "1"}, {"k", "2"}};
    for (const auto version : {v311, v5}) {
        thread_context context;
        context.publisher.remember = false;
        peer client(context, version);
        client.connect();
        std::vector<std::byte> bytes;
        for (std::uint16_t id = 1; id <= 20; ++id) {
            mqtt::publish packet{.qos = mqtt::qos::at_least_once, .packet_id = id};
            packet.topic = "plant/line/7/temperature";
            packet.payload = base::as_bytes("21.5");
            packet.properties.user_properties = list;
            mqtt::encode(packet, version, bytes);
        }
        std::size_t warm = 0;
        for (int round = 0; round < 1000; ++round) {
            if (round == 10) warm = allocations.load();
            ASSERT_EQ(client.session().on_bytes(bytes, context.now).used, bytes.size());
            while (!context.publisher.waiting.empty()) {
                context.publisher.complete(context.publisher.waiting.size() - 1);
            }
            ASSERT_EQ(client.output.size(), 80u);
            client.output.clear();
            client.session().on_written(context.now);
        }
        EXPECT_EQ(allocations.load(), warm);
    }
}

}  // namespace
}  // namespace pgw::session
