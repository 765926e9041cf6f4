// Values -> the parameters of a Bind message.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "molt/base/status.h"
#include "molt/db/postgres/types/codec.h"
#include "molt/types/value.h"

namespace molt::db::postgres {

// Kept by a connection and used again, so that a warm query allocates nothing here.
class EncodedParams {
 public:
  // Encodes all values as the types the server expects. Returns whether every value fits its type;
  // for those that do not, `declared` gets the type to declare instead (and as many zeros as needed
  // before it). InvalidQuery if the counts differ, or if no other type would do either.
  [[nodiscard]] Result<bool> Encode(std::span<const types::Value> values,
                                    std::span<const Oid> targets, std::vector<Oid>& declared);

  // Valid until the next Encode.
  [[nodiscard]] std::span<const std::int16_t> formats() const { return formats_; }
  [[nodiscard]] std::span<const std::optional<std::string_view>> values() const { return views_; }

 private:
  std::string bytes_;
  std::vector<std::int16_t> formats_;
  std::vector<std::optional<std::string_view>> views_;
  std::vector<std::size_t> ends_;
};

}  // namespace molt::db::postgres
