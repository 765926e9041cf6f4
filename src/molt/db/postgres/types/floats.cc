#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <variant>

#include "molt/db/postgres/types/type_codec.h"
#include "molt/db/postgres/types/wire_bytes.h"

namespace molt::db::postgres {

namespace {

using types::ColumnBuilder;
using types::TypeId;
using types::Value;

bool AppendFloat4(const Decoder& self, std::string_view cell, ColumnBuilder& out) {
  if (cell.size() != sizeof(float)) return false;
  if (out.IsMixed()) [[unlikely]]
    return AppendRead(self, cell, out);
  out.AppendFloat(LoadFloat(cell.data()));
  return true;
}

bool ReadFloat4(const Decoder& /*self*/, std::string_view cell, Value& out) {
  if (cell.size() != sizeof(float)) return false;
  out = double{LoadFloat(cell.data())};
  return true;
}

bool AppendFloat8(const Decoder& self, std::string_view cell, ColumnBuilder& out) {
  if (cell.size() != sizeof(double)) return false;
  if (out.IsMixed()) [[unlikely]]
    return AppendRead(self, cell, out);
  out.AppendDouble(LoadDouble(cell.data()));
  return true;
}

bool ReadFloat8(const Decoder& /*self*/, std::string_view cell, Value& out) {
  if (cell.size() != sizeof(double)) return false;
  out = LoadDouble(cell.data());
  return true;
}

// A number that a double holds exactly.
std::optional<double> ExactDouble(const Value& value) {
  if (const auto* real = std::get_if<double>(&value)) return *real;
  const auto* integer = std::get_if<std::int64_t>(&value);
  if (integer == nullptr) return std::nullopt;
  const auto real = static_cast<double>(*integer);
  // What rounds up to 2^63 is beyond int64, and must not be converted back.
  constexpr double kBeyond = 9'223'372'036'854'775'808.0;
  if (real >= kBeyond || static_cast<std::int64_t>(real) != *integer) return std::nullopt;
  return real;
}

EncodeOutcome EncodeFloat8(const TypeEntry& /*target*/, const Value& value, std::string& out) {
  const auto real = ExactDouble(value);
  if (!real) return EncodeOutcome::kMismatch;
  PutInt64(out, std::bit_cast<std::int64_t>(*real));
  return EncodeOutcome::kBinary;
}

EncodeOutcome EncodeFloat4(const TypeEntry& /*target*/, const Value& value, std::string& out) {
  const auto real = ExactDouble(value);
  if (!real) return EncodeOutcome::kMismatch;
  if (std::isfinite(*real)) {
    if (std::abs(*real) > double{std::numeric_limits<float>::max()} ||
        double{static_cast<float>(*real)} != *real) {
      return EncodeOutcome::kMismatch;
    }
  }
  protocol::PutUInt32(out, std::bit_cast<std::uint32_t>(static_cast<float>(*real)));
  return EncodeOutcome::kBinary;
}

}  // namespace

constinit const TypeCodec kFloat4Codec = {TypeId::kFloat32, Format::kBinary, TextParam::kNever,
                                          AppendFloat4,     ReadFloat4,      EncodeFloat4};
constinit const TypeCodec kFloat8Codec = {TypeId::kFloat64, Format::kBinary, TextParam::kNever,
                                          AppendFloat8,     ReadFloat8,      EncodeFloat8};

}  // namespace molt::db::postgres
