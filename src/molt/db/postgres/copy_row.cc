#include "molt/db/postgres/copy_row.h"

#include <bit>
#include <limits>
#include <string_view>

#include "molt/db/postgres/protocol/wire.h"
#include "molt/db/postgres/types/epoch.h"
#include "molt/db/postgres/types/wire_bytes.h"

namespace molt::db::postgres {

namespace {

using types::Column;
using types::TypeId;

enum KnownOid : Oid {
  kBoolOid = 16,
  kByteaOid = 17,
  kInt8Oid = 20,
  kInt2Oid = 21,
  kInt4Oid = 23,
  kTextOid = 25,
  kJsonOid = 114,
  kFloat8Oid = 701,
  kBpcharOid = 1042,
  kVarcharOid = 1043,
  kDateOid = 1082,
  kTimestampOid = 1114,
  kTimestamptzOid = 1184,
  kJsonbOid = 3802,
};

bool PutBool(const Column& cells, std::int64_t row, const TableColumn&, std::string& out) {
  protocol::PutInt32(out, 1);
  out += cells.BoolAt(row) ? '\1' : '\0';
  return true;
}

bool PutInt8(const Column& cells, std::int64_t row, const TableColumn&, std::string& out) {
  protocol::PutInt32(out, 8);
  PutInt64(out, cells.data.As<std::int64_t>()[row]);
  return true;
}

bool PutInt4(const Column& cells, std::int64_t row, const TableColumn&, std::string& out) {
  const std::int64_t value = cells.data.As<std::int64_t>()[row];
  if (value != static_cast<std::int32_t>(value)) return false;
  protocol::PutInt32(out, 4);
  protocol::PutInt32(out, static_cast<std::int32_t>(value));
  return true;
}

bool PutFloat8(const Column& cells, std::int64_t row, const TableColumn&, std::string& out) {
  protocol::PutInt32(out, 8);
  PutInt64(out, std::bit_cast<std::int64_t>(cells.data.As<double>()[row]));
  return true;
}

bool PutBytes(const Column& cells, std::int64_t row, const TableColumn&, std::string& out) {
  const std::string_view bytes = cells.BytesAt(row);
  protocol::PutInt32(out, static_cast<std::int32_t>(bytes.size()));
  out += bytes;
  return true;
}

bool PutDate(const Column& cells, std::int64_t row, const TableColumn&, std::string& out) {
  protocol::PutInt32(out, 4);
  protocol::PutInt32(out, cells.data.As<std::int32_t>()[row] - kEpochDays);
  return true;
}

bool PutTimestamp(const Column& cells, std::int64_t row, const TableColumn&, std::string& out) {
  const std::int64_t micros = cells.data.As<std::int64_t>()[row];
  if (micros < std::numeric_limits<std::int64_t>::min() + kEpochMicros) return false;
  protocol::PutInt32(out, 8);
  PutInt64(out, micros - kEpochMicros);
  return true;
}

// Any other pair, by way of a value.
bool PutValue(const Column& cells, std::int64_t row, const TableColumn& target, std::string& out) {
  types::Value value = cells.ValueAt(row);
  const bool is_json = target.type == kJsonOid || target.type == kJsonbOid;
  if (auto* text = std::get_if<std::string>(&value); text != nullptr && is_json) {
    value = types::Json{std::move(*text)};
  }
  const std::size_t start = BeginItem(out);
  const EncodeOutcome outcome = EncodeParam(target.type, value, out);
  // A COPY is all binary.
  const bool is_binary =
      outcome == EncodeOutcome::kBinary || (outcome == EncodeOutcome::kText && target.takes_text &&
                                            std::holds_alternative<std::string>(value));
  if (!is_binary) {
    out.resize(start - sizeof(std::int32_t));
    return false;
  }
  EndItem(out, start);
  return true;
}

struct FastPath {
  TypeId from;
  Oid to;
  PutCell put;
};
constexpr FastPath kFastPaths[] = {
    {TypeId::kBool, kBoolOid, PutBool},
    {TypeId::kInt64, kInt8Oid, PutInt8},
    {TypeId::kInt64, kInt4Oid, PutInt4},
    {TypeId::kFloat64, kFloat8Oid, PutFloat8},
    {TypeId::kUtf8, kTextOid, PutBytes},
    {TypeId::kUtf8, kVarcharOid, PutBytes},
    {TypeId::kUtf8, kBpcharOid, PutBytes},
    {TypeId::kBinary, kByteaOid, PutBytes},
    {TypeId::kDate, kDateOid, PutDate},
    {TypeId::kTimestamp, kTimestampOid, PutTimestamp},
    {TypeId::kTimestampTz, kTimestamptzOid, PutTimestamp},
};

}  // namespace

PutCell PutCellFor(const Column& cells, const TableColumn& target) {
  if (!cells.IsMixed()) {
    for (const FastPath& path : kFastPaths) {
      if (path.from == cells.type.id && path.to == target.type) return path.put;
    }
  }
  return PutValue;
}

void PutCopyHeader(std::string& out) {
  using namespace std::string_view_literals;
  out += "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"sv;  // signature, no flags, no extension
}

void PutCopyTrailer(std::string& out) { protocol::PutInt16(out, -1); }

}  // namespace molt::db::postgres
