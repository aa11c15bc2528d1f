// Carries out what the machine says, one step after the other.
#include "common/kube/reflector.hpp"

#include "common/kube/watch_event.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <functional>
#include <random>
#include <utility>

namespace pgw::kube {

namespace asio = boost::asio;

struct reflector::impl : std::enable_shared_from_this<impl> {
    impl(
        asio::io_context& context,
        client& c,
        reflector_options o,
        reflector_sink& s,
        const base::logger& l
    )
        : io(context),
          api(c),
          options(std::move(o)),
          sink(s),
          log(l.with({{"resource", options.type.plural}})),
          machine(options.timing) {}

    void start();
    void stop();

    static awaitable<void> run(std::shared_ptr<impl> self);
    static awaitable<watch_step> list(std::shared_ptr<impl> self, list_action action);
    static awaitable<watch_step> watch(std::shared_ptr<impl> self, watch_action action);
    static awaitable<watch_step> wait(std::shared_ptr<impl> self, wait_action action);

    void on_listed(json::object&& object);
    bool on_event(json::object&& object);
    void begin_list();
    void report(std::string_view what, const error& why) const;
    std::uint32_t random() { return random_device(); }

    asio::io_context& io;
    client& api;  // as sink: not touched after stop
    const reflector_options options;
    reflector_sink& sink;
    const base::logger log;
    watch_machine machine;
    std::random_device random_device;
    asio::cancellation_signal cancel;
    bool started = false;
    bool stopped = false;
    bool synced = false;
    bool list_begun = false;
};

void reflector::impl::start() {
    if (stopped || std::exchange(started, true)) return;
    asio::co_spawn(
        io,
        run(shared_from_this()),
        asio::bind_cancellation_slot(
            cancel.slot(),
            [self = shared_from_this()](const std::exception_ptr& failure) {
                if (!failure || self->stopped) return;
                // A cache that stops being fed looks like a quiet cluster: better to end and be
                // restarted than to reconcile from it.
                self->log.error("list and watch ended by an exception");
                std::rethrow_exception(failure);
            }
        )
    );
}

void reflector::impl::stop() {
    if (std::exchange(stopped, true) || !started) return;
    // Within the loop's run: elsewhere the signal is passed on later, and must live until then.
    asio::dispatch(io, [self = shared_from_this()] {
        self->cancel.emit(asio::cancellation_type::all);
    });
}

awaitable<void> reflector::impl::run(std::shared_ptr<impl> self) {
    auto step = self->machine.start();
    while (!self->stopped) {
        if (const auto* to_list = std::get_if<list_action>(&step)) {
            step = co_await list(self, *to_list);
        } else if (const auto* to_watch = std::get_if<watch_action>(&step)) {
            step = co_await watch(self, *to_watch);
        } else if (const auto* to_wait = std::get_if<wait_action>(&step)) {
            step = co_await wait(self, *to_wait);
        } else {
            co_return;
        }
    }
}

awaitable<watch_step> reflector::impl::list(std::shared_ptr<impl> self, list_action action) {
    self->list_begun = false;
    list_options options;
    options.label_selector = self->options.label_selector;
    options.field_selector = self->options.field_selector;
    options.resource_version = action.resource_version;
    options.limit = action.limit;
    std::function<void(json::object&&)> on_item = [self](json::object&& object) {
        self->on_listed(std::move(object));
    };
    auto listed = co_await self->api.list(
        self->options.type, self->options.ns, std::move(options), std::move(on_item)
    );
    if (self->stopped) co_return end_action{};
    const auto now = base::clock::now();
    if (listed.has_error()) {
        const auto why = listed.error();
        self->report("list failed", why);
        co_return self->machine.on_list_failed(why, now, self->random());
    }
    // For a collection without objects, of which no item began the list.
    self->begin_list();
    self->synced = true;
    self->log.debug("listed", {{"resource_version", *listed}});
    self->sink.on_list_end();
    if (self->stopped) co_return end_action{};
    co_return self->machine.on_listed(std::move(*listed), now, self->random());
}

awaitable<watch_step> reflector::impl::watch(std::shared_ptr<impl> self, watch_action action) {
    auto query = watch_query(action, self->options.label_selector, self->options.field_selector);
    std::function<bool(json::object&&)> on_event = [self](json::object&& object) {
        return self->on_event(std::move(object));
    };
    const auto ended = co_await self->api.watch_stream(
        self->options.type, self->options.ns, std::move(query), action.idle, std::move(on_event)
    );
    if (self->stopped) co_return end_action{};
    const auto now = base::clock::now();
    if (!ended.has_error()) co_return self->machine.on_stream_end(nullptr, now, self->random());
    const auto why = ended.error();
    self->report("watch failed", why);
    co_return self->machine.on_stream_end(&why, now, self->random());
}

awaitable<watch_step> reflector::impl::wait(std::shared_ptr<impl> self, wait_action action) {
    asio::steady_timer timer(self->io, action.delay);
    co_await timer.async_wait(asio::use_awaitable);
    co_return self->machine.on_waited(base::clock::now(), self->random());
}

void reflector::impl::begin_list() {
    if (!std::exchange(list_begun, true)) sink.on_list_begin();
}

void reflector::impl::on_listed(json::object&& object) {
    if (stopped) return;
    begin_list();
    // The sink may have stopped us meanwhile; so below and in on_event.
    if (stopped) return;
    complete_listed_object(object, options.type);
    sink.on_listed(std::move(object));
}

bool reflector::impl::on_event(json::object&& object) {
    if (stopped) return false;
    auto event = decode_watch_event(std::move(object));
    if (event.status) report("watch was ended by the server", *event.status);
    switch (machine.on_event(event.type, event.resource_version, std::move(event.status))) {
        case event_verdict::changed:
            sink.on_changed(std::move(event.object));
            break;
        case event_verdict::removed:
            sink.on_removed(std::move(event.object));
            break;
        case event_verdict::ignored:
            break;
        case event_verdict::ends:
            return false;
    }
    return !stopped;
}

void reflector::impl::report(std::string_view what, const error& why) const {
    const auto text = to_string(why);
    // 410 belongs to the protocol; what is not allowed is for a person to see to.
    auto level = base::log_level::warn;
    if (why.kind == error_kind::expired || why.kind == error_kind::stopped) {
        level = base::log_level::debug;
    } else if (why.kind == error_kind::forbidden || why.kind == error_kind::unauthorized) {
        level = base::log_level::error;
    }
    log.log(level, what, {{"error", text}, {"code", why.code}});
}

reflector::reflector(
    asio::io_context& io,
    client& client,
    reflector_options options,
    reflector_sink& sink,
    const base::logger& log
)
    : impl_(std::make_shared<impl>(io, client, std::move(options), sink, log)) {}

reflector::~reflector() {
    stop();
}

void reflector::start() {
    impl_->start();
}

void reflector::stop() {
    impl_->stop();
}

bool reflector::synced() const noexcept {
    return impl_->synced;
}

}  // namespace pgw::kube
