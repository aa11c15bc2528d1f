// The field tables of references to Secrets.
#pragma once

#include "common/manifest/model/gateway.hpp"
#include "common/manifest/model/schema.hpp"

namespace pgw::manifest {

template <>
struct schema<secret_ref> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"name", "The Secret: stand-alone a directory under `--secrets-dir`.", true},
            &secret_ref::name,
            text_rule{text_kind::secret_name}
        );
    }
};

template <>
struct schema<key_ref> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"name", "The Secret: stand-alone a directory under `--secrets-dir`.", true},
            &key_ref::name,
            text_rule{text_kind::secret_name}
        );
        view.field(
            field_info{"key", "The key: stand-alone a file in that directory.", true},
            &key_ref::key,
            text_rule{text_kind::secret_key}
        );
    }
};

}  // namespace pgw::manifest
