// What the shell counts, one struct a thread.
#pragma once

#include "common/base/metrics.hpp"

namespace pgw::server {

struct server_metrics {
    base::counter accepted;
    base::counter moved;  ///< Handed to the client's home thread.
    base::counter refused_limit;
    base::counter refused_descriptors;
    base::counter evicted;  ///< Closed for others because they had not sent a CONNECT yet.
    base::counter shed;     ///< Closed because they held most when the budget was used up.
    base::counter accept_errors;
    base::counter tls_failures;
    base::counter bytes_in;
    base::counter bytes_out;
    base::gauge open;  ///< Sockets, whether CONNECT has come or not.
};

}  // namespace pgw::server
