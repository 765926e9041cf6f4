// Bind: gives a prepared statement its parameters, which makes a portal.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "molt/base/status.h"

namespace molt::db::postgres::protocol {

struct DecodedBind;

// Formats are 0 for text and 1 for binary. No format at all means text for all; one means that one
// for all; otherwise there is one for each.
struct Bind {
  std::string_view portal;     // the name it will have; empty for the unnamed one
  std::string_view statement;  // empty for the unnamed one
  std::span<const std::int16_t> param_formats;
  std::span<const std::optional<std::string_view>> params;  // none is NULL
  std::span<const std::int16_t> result_formats;

  // InvalidQuery, with nothing appended, for a NUL inside a name, more than 65,535 parameters, or
  // more than 1 GiB in all.
  [[nodiscard]] Status Encode(std::string& out) const;
  // The texts and parameters of the result point into `body`.
  [[nodiscard]] static Result<DecodedBind> Decode(std::string_view body);
};

struct DecodedBind {
  std::string_view portal;
  std::string_view statement;
  std::vector<std::int16_t> param_formats;
  std::vector<std::optional<std::string_view>> params;
  std::vector<std::int16_t> result_formats;

  // Valid as long as this object lives and keeps its place.
  [[nodiscard]] Bind View() const {
    return {portal, statement, param_formats, params, result_formats};
  }
};

}  // namespace molt::db::postgres::protocol
