// The field tables of the worker process: limits, logging, admin server, drain.
#pragma once

#include "common/manifest/model/bounds.hpp"
#include "common/manifest/model/gateway.hpp"
#include "common/manifest/model/schema.hpp"

namespace pgw::manifest {

template <>
struct enum_table<base::log_level> {
    static constexpr std::array rows{
        enum_name<base::log_level>{base::log_level::trace, "Trace", "everything"},
        enum_name<base::log_level>{base::log_level::debug, "Debug", "also single connections"},
        enum_name<base::log_level>{base::log_level::info, "Info", "the life of the worker"},
        enum_name<base::log_level>{base::log_level::warn, "Warn", "what needs attention"},
        enum_name<base::log_level>{base::log_level::error, "Error", "what does not work"},
        enum_name<base::log_level>{base::log_level::off, "Off", "nothing"}
    };
};

template <>
struct enum_table<base::log_format> {
    static constexpr std::array rows{
        enum_name<base::log_format>{base::log_format::json, "Json", "one object a line"},
        enum_name<base::log_format>{base::log_format::text, "Text", "for people"}
    };
};

template <>
struct schema<limits> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{
                "maxConnections", "Client connections of one worker.", false, field_change::live
            },
            &limits::max_connections,
            number_rule{1, 10'000'000}
        );
        view.field(
            field_info{"maxPacketSize", "The largest MQTT packet a client may send."},
            &limits::max_packet_size,
            size_rule{256, 268'435'455}
        );
        view.field(
            field_info{
                "receiveMaximum",
                "QoS 1 and 2 publications that a client may have unacknowledged (MQTT 5; an MQTT "
                "3.1.1 client is not read from meanwhile)."
            },
            &limits::receive_maximum,
            number_rule{1, 65535}
        );
        view.field(
            field_info{"topicAliasMaximum", "Topic aliases that a client may set. 0: none."},
            &limits::topic_alias_maximum,
            number_rule{0, 65535}
        );
        view.field(
            field_info{"maxTopicLevels", "Levels of a topic."},
            &limits::max_topic_levels,
            number_rule{1, 1000}
        );
        view.field(
            field_info{"maxUserProperties", "User properties of a packet."},
            &limits::max_user_properties,
            number_rule{1, 10'000}
        );
        view.field(
            field_info{
                "maxKeepAlive", "The longest keep-alive, also for clients that ask for none."
            },
            &limits::max_keep_alive,
            time_rule{base::milliseconds{1000}, base::milliseconds{65'535'000}, true}
        );
        view.field(
            field_info{
                "connectTimeout", "From accept to a complete CONNECT, TLS handshake included."
            },
            &limits::connect_timeout,
            time_rule{one_millisecond, one_hour}
        );
        view.field(
            field_info{
                "maxPause",
                "How long back-pressure may stop reading from a client before it is disconnected."
            },
            &limits::max_pause,
            time_rule{one_millisecond, one_hour}
        );
        view.field(
            field_info{
                "maxInflightBytes", "Unacknowledged bytes of one client. At least `maxPacketSize`."
            },
            &limits::max_inflight_bytes,
            size_rule{256, 4 * gibi - 1}
        );
        view.field(
            field_info{
                "maxPendingConnects",
                "Connections of one thread whose CONNECT is not yet complete. Beyond it the oldest "
                "of the source that has most of them is closed."
            },
            &limits::max_pending_connects,
            number_rule{1, 1'000'000}
        );
        view.field(
            field_info{
                "maxBufferedBytes",
                "All that peers together can make one worker keep: partial packets, Wills, topic "
                "aliases, unsent answers, unfinished transfers. Beyond it the largest holders are "
                "disconnected. Left out: a quarter of the memory that the worker may use (its "
                "cgroup's limit or the machine's), at least 64Mi."
            },
            &limits::max_buffered_bytes,
            size_rule{mebi, 1024 * gibi}
        );
    }
};

template <>
struct schema<logging> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{
                "level", "The least severe level that is logged.", false, field_change::live
            },
            &logging::level,
            no_rule{}
        );
        view.field(
            field_info{"format", "Left out: text on a terminal, else JSON."},
            &logging::format,
            no_rule{}
        );
    }
};

template <>
struct schema<admin> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"address", "The address to bind. In a cluster always all addresses."},
            &admin::address,
            text_rule{text_kind::ip_address}
        );
        view.field(
            field_info{
                "port",
                "The port of `/metrics`, `/livez`, `/readyz`, `/status`, `/config`. "
                "0: any free port."
            },
            &admin::port,
            number_rule{0, 65535}
        );
        view.field(
            field_info{
                "hosts",
                "Domain names under which `/metrics`, `/status` and `/config` may be asked, beside "
                "IP addresses, names without a dot and names below `localhost`, `local`, "
                "`internal` and `svc`. Others are answered 421."
            },
            &admin::hosts,
            list_rule<text_rule>{0, 16, {text_kind::host}}
        );
    }
};

template <>
struct schema<drain> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{
                "endpointDelay",
                "How long a stopping worker keeps accepting, until balancers know that it leaves."
            },
            &drain::endpoint_delay,
            time_rule{base::milliseconds{0}, one_hour}
        );
        view.field(
            field_info{
                "timeout", "How long it then waits for outcomes and disconnects its clients."
            },
            &drain::timeout,
            time_rule{one_millisecond, one_hour}
        );
    }
};

}  // namespace pgw::manifest
