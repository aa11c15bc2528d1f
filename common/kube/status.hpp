// Reading the API server's `Status`. Pure.
#pragma once

#include "common/kube/error.hpp"

#include <boost/json.hpp>

#include <string_view>

namespace pgw::kube {

/// From the HTTP code, the body (a `Status` or any text) and the header Retry-After (empty: none).
error error_from_answer(int code, std::string_view body, std::string_view retry_after);
/// From the `Status` in a watch's ERROR event.
error error_from_status(const boost::json::object& status);

}  // namespace pgw::kube
