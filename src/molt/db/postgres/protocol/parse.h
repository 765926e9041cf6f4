// Parse: makes a prepared statement.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "molt/base/status.h"

namespace molt::db::postgres::protocol {

struct DecodedParse;

struct Parse {
  std::string_view statement;            // its name; empty for the unnamed one
  std::string_view sql;                  // one statement
  std::span<const std::uint32_t> types;  // of the first parameters; 0 leaves one to the server

  // InvalidQuery, with nothing appended, for a NUL inside a text, more than 65,535 types, or more
  // than 1 GiB in all.
  [[nodiscard]] Status Encode(std::string& out) const;
  // The texts of the result point into `body`.
  [[nodiscard]] static Result<DecodedParse> Decode(std::string_view body);
};

struct DecodedParse {
  std::string_view statement;
  std::string_view sql;
  std::vector<std::uint32_t> types;

  // Valid as long as this object lives and keeps its place.
  [[nodiscard]] Parse View() const { return {statement, sql, types}; }
};

}  // namespace molt::db::postgres::protocol
