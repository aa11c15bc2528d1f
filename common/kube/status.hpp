// An answer that is no success, as an error. Pure.
#pragma once

#include "common/kube/error.hpp"

#include <string_view>

namespace pgw::kube {

/// From the HTTP code, the body (a `Status` or any text) and the header Retry-After (empty: none).
error error_from_answer(int code, std::string_view body, std::string_view retry_after);

}  // namespace pgw::kube
