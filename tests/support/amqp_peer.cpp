#include "tests/support/amqp_peer.hpp"

#include "tests/support/amqp_loop.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <atomic>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

namespace pgw::test {

namespace {

amqp::outcome outcome_of(const peer_answer& answer) {
    amqp::outcome outcome;
    outcome.kind = answer.kind;
    outcome.condition = answer.condition;
    outcome.description = answer.description;
    outcome.delivery_failed = answer.delivery_failed;
    outcome.undeliverable_here = answer.undeliverable_here;
    return outcome;
}

}  // namespace

struct amqp_peer::impl final : amqp::server_policy {
    struct pending {
        amqp::server_link* link = nullptr;  ///< Null: nothing to settle any more.
        amqp::delivery_id delivery = 0;
    };

    explicit impl(peer_options chosen) : options(std::move(chosen)) {
        listen();
        thread = std::thread([this] {
            while (!stopping.load()) loop.turn(std::chrono::milliseconds(1));
        });
    }
    ~impl() override {
        run([this] { server.reset(); });
        stopping = true;
        thread.join();
    }

    void listen() {
        amqp::server_options settings;
        settings.port = options.port;
        settings.tls = options.tls;
        settings.max_message_size = options.max_message_size;
        settings.container_id = "peer";
        server = amqp::make_server(loop.context(), settings, *this, {});
        options.port = server->port();
    }

    /// Runs on the peer's thread and waits.
    void run(const std::function<void()>& command) {
        std::promise<void> done;
        boost::asio::post(loop.io(), [&] {
            command();
            done.set_value();
        });
        done.get_future().wait();
    }

    bool authenticate(std::string_view user, std::string_view password) override {
        return user == options.user && password == options.password;
    }
    amqp::attach_verdict on_attach(amqp::server_link& link) override {
        const std::scoped_lock lock(mutex);
        if (refusal) {
            ++refused;
            return {false, refusal->first, refusal->second, {}};
        }
        links.push_back(&link);
        names.emplace_back(link.name());
        if (options.credit_at_attach > 0) link.grant(options.credit_at_attach);
        return {};
    }
    void on_detach(amqp::server_link& link) override {
        const std::scoped_lock lock(mutex);
        ++detached;
        std::ranges::replace(links, &link, nullptr);
        for (auto& entry : deliveries) {
            if (entry.link == &link) entry.link = nullptr;
        }
    }
    void on_message(
        amqp::server_link& link, amqp::delivery_id delivery, base::bytes_view message, bool settled
    ) override {
        const std::scoped_lock lock(mutex);
        messages.push_back(
            {std::string(base::as_text(message)),
             std::string(link.address()),
             std::string(link.name()),
             settled,
             false}
        );
        deliveries.push_back({settled ? nullptr : &link, delivery});
        if (options.top_up) link.grant(1);
        if (automatic) give(messages.size() - 1, *automatic);
    }
    void on_credit(amqp::server_link& link) override { link.drained(); }
    void on_settled(amqp::server_link&, std::uint64_t, const amqp::outcome&) override {}

    void give(std::size_t index, const peer_answer& answer) {
        auto& entry = deliveries.at(index);
        if (entry.link == nullptr) return;
        if (!answer.settle) return entry.link->state_only(entry.delivery, outcome_of(answer));
        std::exchange(entry.link, nullptr)->settle(entry.delivery, outcome_of(answer));
        messages[index].answered = true;
    }

    peer_options options;
    amqp_loop loop;
    std::unique_ptr<amqp::server> server;
    std::atomic<bool> stopping = false;
    std::thread thread;

    mutable std::mutex mutex;  // guards what follows
    std::optional<peer_answer> automatic = peer_answer::accept();
    std::optional<std::pair<std::string, std::string>> refusal;
    std::vector<amqp::server_link*> links;
    std::vector<std::string> names;
    std::vector<peer_message> messages;
    std::vector<pending> deliveries;
    std::size_t refused = 0;
    std::size_t detached = 0;
};

amqp_peer::amqp_peer(peer_options options) : impl_(std::make_unique<impl>(std::move(options))) {}
amqp_peer::~amqp_peer() = default;

std::uint16_t amqp_peer::port() const {
    return impl_->options.port;
}

void amqp_peer::answer_with(peer_answer answer) {
    const std::scoped_lock lock(impl_->mutex);
    impl_->automatic = std::move(answer);
}
void amqp_peer::hold() {
    const std::scoped_lock lock(impl_->mutex);
    impl_->automatic.reset();
}
void amqp_peer::refuse_attach(std::string condition, std::string description) {
    const std::scoped_lock lock(impl_->mutex);
    impl_->refusal.emplace(std::move(condition), std::move(description));
}
void amqp_peer::accept_attach() {
    const std::scoped_lock lock(impl_->mutex);
    impl_->refusal.reset();
}

void amqp_peer::grant(std::size_t link, std::uint32_t credit) {
    impl_->run([&] {
        const std::scoped_lock lock(impl_->mutex);
        if (auto* target = impl_->links.at(link)) target->grant(credit);
    });
}
void amqp_peer::answer(std::size_t message, const peer_answer& answer) {
    impl_->run([&] {
        const std::scoped_lock lock(impl_->mutex);
        impl_->give(message, answer);
    });
}
void amqp_peer::detach(std::size_t link, const std::string& condition) {
    impl_->run([&] {
        const std::scoped_lock lock(impl_->mutex);
        if (auto* target = impl_->links.at(link)) target->detach(condition, "on command");
    });
}
void amqp_peer::close_connections(const std::string& condition) {
    impl_->run([&] {
        const std::scoped_lock lock(impl_->mutex);
        for (auto* link : impl_->links) {
            if (link != nullptr) link->close_connection(condition, "on command");
        }
    });
}
void amqp_peer::drop_connections() {
    impl_->run([&] {
        const std::scoped_lock lock(impl_->mutex);
        for (auto* link : impl_->links) {
            if (link != nullptr) link->drop_connection();
        }
    });
}
void amqp_peer::stall(bool stalled) {
    impl_->run([&] {
        const std::scoped_lock lock(impl_->mutex);
        for (auto* link : impl_->links) {
            if (link != nullptr) link->stall_connection(stalled);
        }
    });
}
void amqp_peer::freeze(std::chrono::milliseconds time) {
    boost::asio::post(impl_->loop.io(), [time] { std::this_thread::sleep_for(time); });
}
void amqp_peer::stop_listening() {
    impl_->run([&] { impl_->server.reset(); });
}
void amqp_peer::listen_again() {
    impl_->run([&] { impl_->listen(); });
}

std::vector<peer_message> amqp_peer::messages() const {
    const std::scoped_lock lock(impl_->mutex);
    return impl_->messages;
}
std::size_t amqp_peer::message_count() const {
    const std::scoped_lock lock(impl_->mutex);
    return impl_->messages.size();
}
std::size_t amqp_peer::attach_count() const {
    const std::scoped_lock lock(impl_->mutex);
    return impl_->links.size();
}
std::size_t amqp_peer::refused_count() const {
    const std::scoped_lock lock(impl_->mutex);
    return impl_->refused;
}
std::size_t amqp_peer::detach_count() const {
    const std::scoped_lock lock(impl_->mutex);
    return impl_->detached;
}
std::vector<std::string> amqp_peer::link_names() const {
    const std::scoped_lock lock(impl_->mutex);
    return impl_->names;
}
bool amqp_peer::wait_until(const std::function<bool()>& condition, std::chrono::milliseconds limit)
    const {
    const auto end = base::clock::now() + limit;
    while (!condition()) {
        if (base::clock::now() >= end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

}  // namespace pgw::test
