// Takes messages, prints their bodies, settles none and vanishes without a detach or a close.
// usage: holding_receiver amqp://host:port/address COUNT
#include <proton/binary.hpp>
#include <proton/connection.hpp>
#include <proton/container.hpp>
#include <proton/delivery.hpp>
#include <proton/message.hpp>
#include <proton/messaging_handler.hpp>
#include <proton/receiver.hpp>
#include <proton/receiver_options.hpp>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>

namespace {

class holding_receiver final : public proton::messaging_handler {
public:
    holding_receiver(std::string url, unsigned count) : url_(std::move(url)), left_(count) {}
    void on_container_start(proton::container& container) override {
        container.open_receiver(
            url_, proton::receiver_options().auto_accept(false).credit_window(0)
        );
    }
    void on_receiver_open(proton::receiver& receiver) override { receiver.add_credit(left_); }
    void on_message(proton::delivery&, proton::message& message) override {
        const auto body = proton::get<proton::binary>(message.body());
        std::cout << std::string(body.begin(), body.end()) << std::endl;
        if (--left_ == 0) _exit(0);
    }

private:
    std::string url_;
    unsigned left_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    holding_receiver handler(argv[1], static_cast<unsigned>(std::atoi(argv[2])));
    proton::container(handler).run();
    return 1;
}
