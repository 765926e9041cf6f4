#include "molt/types/arrow_cell.h"

#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "molt/types/utf8.h"
#include "nanoarrow/nanoarrow.hpp"

namespace molt::types {

namespace {

constexpr std::int64_t kMillisPerDay = 86'400'000;
constexpr std::int64_t kMicrosPerDay = 86'400'000'000;
// Beyond it a decimal's text would be mostly zeros; no engine has such a type.
constexpr std::int32_t kDecimalScaleMax = 76;

const char* AppendBoolCell(const CellFormat&, const ArrowArrayView& view, std::int64_t row,
                           ColumnBuilder& out) {
  out.AppendBool(ArrowArrayViewGetIntUnsafe(&view, row) != 0);
  return nullptr;
}

const char* AppendIntegerCell(const CellFormat&, const ArrowArrayView& view, std::int64_t row,
                              ColumnBuilder& out) {
  out.AppendInt64(ArrowArrayViewGetIntUnsafe(&view, row));
  return nullptr;
}

const char* AppendUint64Cell(const CellFormat&, const ArrowArrayView& view, std::int64_t row,
                             ColumnBuilder& out) {
  const std::uint64_t value = ArrowArrayViewGetUIntUnsafe(&view, row);
  if (value > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
    return "a uint64 above the range of int64";
  }
  out.AppendInt64(static_cast<std::int64_t>(value));
  return nullptr;
}

const char* AppendFloatCell(const CellFormat&, const ArrowArrayView& view, std::int64_t row,
                            ColumnBuilder& out) {
  out.AppendDouble(ArrowArrayViewGetDoubleUnsafe(&view, row));
  return nullptr;
}

// Validation by nanoarrow leaves out where the cells of a view array point to.
bool ViewIsInBounds(const ArrowArrayView& view, std::int64_t row) {
  const ArrowBinaryView& cell = view.buffer_views[1].data.as_binary_view[row + view.offset];
  if (cell.inlined.size < 0) return false;
  if (cell.inlined.size <= NANOARROW_BINARY_VIEW_INLINE_SIZE) return true;
  const std::int32_t index = cell.ref.buffer_index;
  return index >= 0 && index < view.n_variadic_buffers && cell.ref.offset >= 0 &&
         view.variadic_buffers[index] != nullptr &&
         std::int64_t{cell.ref.offset} + cell.ref.size <= view.variadic_buffer_sizes[index];
}

const char* AppendBytesCell(const CellFormat& format, const ArrowArrayView& view, std::int64_t row,
                            ColumnBuilder& out) {
  const bool is_view = view.storage_type == NANOARROW_TYPE_STRING_VIEW ||
                       view.storage_type == NANOARROW_TYPE_BINARY_VIEW;
  if (is_view && !ViewIsInBounds(view, row)) return "a view that points outside its buffers";
  const ArrowBufferView cell = ArrowArrayViewGetBytesUnsafe(&view, row);
  const std::string_view bytes(cell.data.as_char, static_cast<std::size_t>(cell.size_bytes));
  if (format.type == TypeId::kUtf8 && !IsValidUtf8(bytes)) return "text that is not valid UTF-8";
  out.AppendBytes(bytes);
  return nullptr;
}

const char* AppendUuidCell(const CellFormat&, const ArrowArrayView& view, std::int64_t row,
                           ColumnBuilder& out) {
  Uuid uuid;
  std::memcpy(uuid.bytes.data(), ArrowArrayViewGetBytesUnsafe(&view, row).data.data,
              uuid.bytes.size());
  out.AppendValue(uuid);
  return nullptr;
}

const char* AppendDateCell(const CellFormat& format, const ArrowArrayView& view, std::int64_t row,
                           ColumnBuilder& out) {
  const std::int64_t value = ArrowArrayViewGetIntUnsafe(&view, row);
  if (value % format.divide != 0) return "a date with a time of day, which would be lost";
  const std::int64_t days = value / format.divide;
  if (!std::in_range<std::int32_t>(days)) return "a date out of range";
  out.AppendInt32(static_cast<std::int32_t>(days));
  return nullptr;
}

const char* AppendTimeCell(const CellFormat& format, const ArrowArrayView& view, std::int64_t row,
                           ColumnBuilder& out) {
  const std::int64_t value = ArrowArrayViewGetIntUnsafe(&view, row);
  if (value % format.divide != 0) {
    return "digits finer than microseconds, which would be lost: cast the column to microseconds";
  }
  std::int64_t micros = 0;
  if (__builtin_mul_overflow(value / format.divide, format.multiply, &micros)) {
    return "a point in time out of the range of microseconds";
  }
  if (format.type == TypeId::kTime && (micros < 0 || micros >= kMicrosPerDay)) {
    return "a time that is not within a day";
  }
  out.AppendInt64(micros);
  return nullptr;
}

// Writes the point, or an exponent, into the digits of an integer.
std::string DecimalText(std::string_view digits, std::int32_t scale) {
  std::string text;
  if (digits.starts_with('-')) {
    text += '-';
    digits.remove_prefix(1);
  }
  if (scale <= 0) {
    text += digits;
    if (scale < 0) text += "E+" + std::to_string(-scale);
    return text;
  }
  const auto places = static_cast<std::size_t>(scale);
  if (digits.size() > places) {
    text += digits.substr(0, digits.size() - places);
    digits.remove_prefix(digits.size() - places);
  } else {
    text += '0';
  }
  text += '.';
  text.append(places - digits.size(), '0');
  text += digits;
  return text;
}

const char* AppendDecimalCell(const CellFormat& format, const ArrowArrayView& view,
                              std::int64_t row, ColumnBuilder& out) {
  ArrowDecimal decimal;
  ArrowDecimalInit(&decimal, format.bit_width, format.precision, format.scale);
  ArrowArrayViewGetDecimalUnsafe(&view, row, &decimal);
  nanoarrow::UniqueBuffer digits;
  if (ArrowDecimalAppendDigitsToBuffer(&decimal, digits.get()) != NANOARROW_OK) {
    return "a decimal that cannot be read";
  }
  const std::string_view text(reinterpret_cast<const char*>(digits->data),
                              static_cast<std::size_t>(digits->size_bytes));
  out.AppendValue(Decimal{DecimalText(text, format.scale)});
  return nullptr;
}

// For a column that can hold only NULLs.
const char* AppendNothing(const CellFormat&, const ArrowArrayView&, std::int64_t,
                          ColumnBuilder& out) {
  out.AppendNull();
  return nullptr;
}

CellFormat TimeFormat(LogicalType type, ArrowTimeUnit unit) {
  CellFormat format{type, &AppendTimeCell};
  switch (unit) {
    case NANOARROW_TIME_UNIT_SECOND:
      format.multiply = 1'000'000;
      break;
    case NANOARROW_TIME_UNIT_MILLI:
      format.multiply = 1'000;
      break;
    case NANOARROW_TIME_UNIT_MICRO:
      break;
    case NANOARROW_TIME_UNIT_NANO:
      format.divide = 1'000;
      break;
  }
  return format;
}

Result<CellFormat> DecimalFormat(const ArrowSchemaView& view) {
  if (view.decimal_scale < -kDecimalScaleMax || view.decimal_scale > kDecimalScaleMax) {
    return Unsupported("decimal of scale " + std::to_string(view.decimal_scale));
  }
  CellFormat format{TypeId::kDecimal, &AppendDecimalCell};
  format.bit_width = view.decimal_bitwidth;
  format.precision = view.decimal_precision;
  format.scale = view.decimal_scale;
  return format;
}

bool IsUuid(const ArrowSchemaView& view) {
  const std::string_view name(view.extension_name.data,
                              static_cast<std::size_t>(view.extension_name.size_bytes));
  return name == "arrow.uuid" && view.fixed_size == 16;
}

}  // namespace

Result<CellFormat> CellFormatOf(const ArrowSchema& schema) {
  ArrowSchemaView view;
  ArrowError error;
  ArrowErrorInit(&error);
  if (ArrowSchemaViewInit(&view, &schema, &error) != NANOARROW_OK) {
    return InvalidQuery(std::string("a type that cannot be read (") + error.message + ")");
  }
  switch (view.type) {
    case NANOARROW_TYPE_NA:
      return CellFormat{TypeId::kNull, &AppendNothing};
    case NANOARROW_TYPE_BOOL:
      return CellFormat{TypeId::kBool, &AppendBoolCell};
    case NANOARROW_TYPE_INT8:
    case NANOARROW_TYPE_UINT8:
    case NANOARROW_TYPE_INT16:
    case NANOARROW_TYPE_UINT16:
    case NANOARROW_TYPE_INT32:
    case NANOARROW_TYPE_UINT32:
    case NANOARROW_TYPE_INT64:
      return CellFormat{TypeId::kInt64, &AppendIntegerCell};
    case NANOARROW_TYPE_UINT64:
      return CellFormat{TypeId::kInt64, &AppendUint64Cell};
    case NANOARROW_TYPE_HALF_FLOAT:
    case NANOARROW_TYPE_FLOAT:
    case NANOARROW_TYPE_DOUBLE:
      return CellFormat{TypeId::kFloat64, &AppendFloatCell};
    case NANOARROW_TYPE_STRING:
    case NANOARROW_TYPE_LARGE_STRING:
    case NANOARROW_TYPE_STRING_VIEW:
      return CellFormat{TypeId::kUtf8, &AppendBytesCell};
    case NANOARROW_TYPE_FIXED_SIZE_BINARY:
      if (IsUuid(view)) return CellFormat{TypeId::kUuid, &AppendUuidCell};
      return CellFormat{TypeId::kBinary, &AppendBytesCell};
    case NANOARROW_TYPE_BINARY:
    case NANOARROW_TYPE_LARGE_BINARY:
    case NANOARROW_TYPE_BINARY_VIEW:
      return CellFormat{TypeId::kBinary, &AppendBytesCell};
    case NANOARROW_TYPE_DATE32:
      return CellFormat{TypeId::kDate, &AppendDateCell};
    case NANOARROW_TYPE_DATE64:
      return CellFormat{TypeId::kDate, &AppendDateCell, 1, kMillisPerDay};
    case NANOARROW_TYPE_TIME32:
    case NANOARROW_TYPE_TIME64:
      return TimeFormat(TypeId::kTime, view.time_unit);
    case NANOARROW_TYPE_TIMESTAMP: {
      const bool has_zone = view.timezone != nullptr && *view.timezone != '\0';
      return TimeFormat(has_zone ? TypeId::kTimestampTz : TypeId::kTimestamp, view.time_unit);
    }
    case NANOARROW_TYPE_DECIMAL32:
    case NANOARROW_TYPE_DECIMAL64:
    case NANOARROW_TYPE_DECIMAL128:
    case NANOARROW_TYPE_DECIMAL256:
      return DecimalFormat(view);
    default:
      return Unsupported(ArrowTypeString(view.type));
  }
}

}  // namespace molt::types
