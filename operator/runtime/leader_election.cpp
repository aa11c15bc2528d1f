// Drives the lease machine with a client, a watch and one timer.
#include "operator/runtime/leader_election.hpp"

#include "common/kube/reflector.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <exception>
#include <random>
#include <utility>

namespace pgw::runtime {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

constexpr kube::resource_type lease_type{"coordination.k8s.io", "v1", "leases", "Lease", true};
constexpr base::milliseconds release_limit{2'000};

kube::error failed(std::string message) {
    kube::error error;
    error.message = std::move(message);
    return error;
}

std::string_view name_of(const json::object& object) {
    const auto* metadata = object.if_contains("metadata");
    const auto* fields = metadata == nullptr ? nullptr : metadata->if_object();
    const auto* name = fields == nullptr ? nullptr : fields->if_contains("name");
    const auto* text = name == nullptr ? nullptr : name->if_string();
    return text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
}

}  // namespace

struct leader_election::impl : std::enable_shared_from_this<impl>, kube::reflector_sink {
    using reply = kube::result<json::value>;

    impl(
        kube::client& c,
        asio::io_context& context,
        leader_election_options o,
        leader_election_handlers h,
        const base::logger& l
    )
        : client(c),
          io(context),
          options(std::move(o)),
          handlers(std::move(h)),
          log(l.with({{"lease", options.ns + "/" + options.name}})),
          machine(options),
          timer(context),
          release_timer(context),
          random(std::random_device{}()) {}

    lease_moment moment() {
        const auto drawn = std::uniform_int_distribution<std::uint32_t>{}(random);
        return {base::clock::now(), std::chrono::system_clock::now(), drawn};
    }

    void start();
    void watch();
    void advance();
    void proceed(std::optional<lease_request> next);
    void send(lease_request request);
    asio::awaitable<reply> call(lease_request request);
    static asio::awaitable<reply> exchange(std::shared_ptr<impl> self, lease_request request);
    void on_reply(std::uint64_t number, const std::exception_ptr& failure, const reply& answer);
    void report();
    void arm();
    void stop(std::function<void()> then);
    void finish();
    void abandon();

    // The watch of a standby.
    void on_list_begin() override { listed = false; }
    void on_listed(json::object&& lease) override { listed = on_seen(lease) || listed; }
    void on_list_end() override {
        if (!listed) on_gone();
    }
    void on_changed(json::object&& lease) override { on_seen(lease); }
    void on_removed(json::object&& lease) override {
        if (name_of(lease) == options.name) on_gone();
    }
    bool on_seen(const json::object& lease);
    void on_gone();

    kube::client& client;
    asio::io_context& io;
    const leader_election_options options;
    const leader_election_handlers handlers;
    const base::logger log;
    lease_machine machine;
    lease_state reported = lease_state::standby;
    std::string last_holder;
    asio::steady_timer timer;
    asio::steady_timer release_timer;
    std::minstd_rand random;
    std::unique_ptr<kube::reflector> watched;
    std::shared_ptr<asio::cancellation_signal> cancel;  // Of the request `cancel_number`.
    std::uint64_t cancel_number = 0;
    base::gauge master_status;
    std::function<void()> released;
    bool listed = false;
    bool started = false;
    bool ended = false;
};

void leader_election::impl::start() {
    started = true;
    watch();
    advance();
}

void leader_election::impl::watch() {
    watched = std::make_unique<kube::reflector>(
        io,
        client,
        kube::reflector_options{lease_type, options.ns, {}, "metadata.name=" + options.name, {}},
        *this,
        log
    );
    watched->start();
}

bool leader_election::impl::on_seen(const json::object& lease) {
    if (ended || name_of(lease) != options.name) return false;
    machine.on_observed(lease, moment());
    report();
    arm();
    return true;
}

void leader_election::impl::on_gone() {
    if (ended) return;
    machine.on_deleted(moment());
    arm();
}

// Time has passed.
void leader_election::impl::advance() {
    if (!ended) proceed(machine.on_time(moment()));
}

void leader_election::impl::proceed(std::optional<lease_request> next) {
    if (cancel && cancel_number != machine.outstanding()) abandon();
    if (next) send(std::move(*next));
    report();
    if (!ended) arm();
}

void leader_election::impl::abandon() {
    if (const auto signal = std::exchange(cancel, nullptr)) {
        // Outside the loop it reaches the coroutine in a later turn, and has to live until then.
        signal->emit(asio::cancellation_type::terminal);
        asio::post(io, [signal] {});
    }
}

void leader_election::impl::send(lease_request request) {
    const auto number = request.number;
    const auto signal = std::make_shared<asio::cancellation_signal>();
    cancel = signal;
    cancel_number = number;
    asio::co_spawn(
        io,
        exchange(shared_from_this(), std::move(request)),
        asio::bind_cancellation_slot(
            signal->slot(),
            [self = shared_from_this(), signal, number](
                const std::exception_ptr& failure, const reply& answer
            ) { self->on_reply(number, failure, answer); }
        )
    );
}

asio::awaitable<leader_election::impl::reply> leader_election::impl::exchange(
    std::shared_ptr<impl> self, lease_request request
) {
    auto answer = self->call(std::move(request));
    co_return co_await std::move(answer);
}

asio::awaitable<leader_election::impl::reply> leader_election::impl::call(lease_request request) {
    switch (request.what) {
        case lease_request::verb::create:
            return client.create(lease_type, options.ns, std::move(request.body));
        case lease_request::verb::replace:
            return client.replace(lease_type, options.ns, options.name, std::move(request.body));
        case lease_request::verb::get:
            break;
    }
    return client.get(lease_type, options.ns, options.name);
}

void leader_election::impl::on_reply(
    std::uint64_t number, const std::exception_ptr& failure, const reply& answer
) {
    if (ended || number != machine.outstanding()) return;
    cancel.reset();
    if (failure) {
        proceed(machine.on_reply(number, failed("the request ended with an exception"), moment()));
        return;
    }
    if (!answer && answer.error().kind != kube::error_kind::not_found) {
        log.warn("lease request failed", {{"error", kube::to_string(answer.error())}});
    }
    proceed(machine.on_reply(number, answer, moment()));
}

// Tells of what has changed. The handlers come last: they may stop or end everything.
void leader_election::impl::report() {
    const auto self = shared_from_this();
    if (machine.holder() != last_holder) {
        last_holder = machine.holder();
        log.info("lease holder", {{"holder", last_holder}});
    }
    const auto before = std::exchange(reported, machine.state());
    if (before == reported) return;
    master_status.set(reported == lease_state::leading ? 1 : 0);
    switch (reported) {
        case lease_state::leading:
            watched->stop();
            if (handlers.on_elected) handlers.on_elected();
            break;
        case lease_state::lost:
            if (handlers.on_lost) handlers.on_lost();
            break;
        case lease_state::stopped:
            finish();
            break;
        case lease_state::standby:
        case lease_state::releasing:
            break;
    }
}

void leader_election::impl::arm() {
    const auto due = machine.due();
    if (due == base::time_point::max()) {
        timer.cancel();
        return;
    }
    timer.expires_at(due);
    timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
        if (!error) self->advance();
    });
}

void leader_election::impl::stop(std::function<void()> then) {
    if (ended) return;
    released = std::move(then);
    if (watched) watched->stop();
    if (!started) {
        finish();
        return;
    }
    release_timer.expires_after(release_limit);
    release_timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
        if (error || self->ended) return;
        self->log.warn("the lease could not be released in time");
        self->finish();
    });
    proceed(machine.on_stop(moment()));
}

void leader_election::impl::finish() {
    ended = true;
    timer.cancel();
    release_timer.cancel();
    abandon();
    if (released) asio::post(io, std::exchange(released, nullptr));
}

leader_election::leader_election(
    kube::client& client,
    asio::io_context& io,
    leader_election_options options,
    leader_election_handlers handlers,
    const base::logger& log
)
    : impl_(std::make_shared<impl>(client, io, std::move(options), std::move(handlers), log)) {}

leader_election::~leader_election() {
    impl_->watched.reset();
    if (!impl_->ended) {
        impl_->released = nullptr;
        impl_->finish();
    }
}

void leader_election::register_metrics(base::metrics_registry& registry) {
    registry.add(
        "leader_election_master_status",
        "1 while this process leads.",
        {{"name", impl_->options.name}},
        impl_->master_status
    );
}

void leader_election::start() {
    impl_->start();
}

bool leader_election::leading() const noexcept {
    return impl_->machine.state() == lease_state::leading;
}

bool leader_election::healthy() const {
    return !impl_->machine.overdue(base::clock::now());
}

void leader_election::stop(std::function<void()> released) {
    impl_->stop(std::move(released));
}

}  // namespace pgw::runtime
