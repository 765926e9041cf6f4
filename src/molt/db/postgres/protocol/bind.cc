#include "molt/db/postgres/protocol/bind.h"

#include <limits>

#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

namespace {

constexpr std::size_t kCountMax = std::numeric_limits<std::uint16_t>::max();

bool FormatsFit(std::size_t formats, std::size_t params) {
  return formats <= 1 || formats == params;
}

std::size_t LengthOf(const Bind& bind) {
  std::size_t length = kLengthBytes + bind.portal.size() + 1 + bind.statement.size() + 1 +
                       3 * sizeof(std::uint16_t) + bind.param_formats.size_bytes() +
                       bind.result_formats.size_bytes();
  for (const auto& param : bind.params) {
    length += sizeof(std::int32_t) + (param ? param->size() : 0);
  }
  return length;
}

void PutFormats(std::string& out, std::span<const std::int16_t> formats) {
  PutUInt16(out, static_cast<std::uint16_t>(formats.size()));
  for (const std::int16_t format : formats) PutInt16(out, format);
}

bool ReadFormats(Reader& reader, std::vector<std::int16_t>& formats) {
  std::uint16_t count = 0;
  if (!reader.ReadUInt16(count) || reader.remaining() < count * sizeof(std::int16_t)) return false;
  formats.resize(count);
  for (std::int16_t& format : formats) {
    if (!reader.ReadInt16(format) || (format != 0 && format != 1)) return false;
  }
  return true;
}

bool ReadParams(Reader& reader, std::vector<std::optional<std::string_view>>& params) {
  std::uint16_t count = 0;
  if (!reader.ReadUInt16(count) || reader.remaining() < count * sizeof(std::int32_t)) return false;
  params.resize(count);
  for (auto& param : params) {
    std::int32_t size = 0;
    if (!reader.ReadInt32(size) || size < -1) return false;
    if (size == -1) continue;
    if (!reader.ReadBytes(static_cast<std::size_t>(size), param.emplace())) return false;
  }
  return true;
}

}  // namespace

Status Bind::Encode(std::string& out) const {
  MOLT_RETURN_IF_ERROR(CheckText("the name of the portal", portal));
  MOLT_RETURN_IF_ERROR(CheckText("the name of the statement", statement));
  if (params.size() > kCountMax) {
    return InvalidQuery("the statement has " + std::to_string(params.size()) +
                        " parameters; PostgreSQL takes at most 65535");
  }
  if (!FormatsFit(param_formats.size(), params.size()) || result_formats.size() > kCountMax) {
    return Internal("Bind: the number of formats does not fit that of parameters or columns");
  }
  const std::size_t length = LengthOf(*this);
  MOLT_RETURN_IF_ERROR(
      CheckLength("the text of all parameters together", length, kClientLengthMax));
  out.reserve(out.size() + 1 + length);
  const std::size_t start = BeginMessage(out, kBind);
  PutCString(out, portal);
  PutCString(out, statement);
  PutFormats(out, param_formats);
  PutUInt16(out, static_cast<std::uint16_t>(params.size()));
  for (const auto& param : params) {
    PutInt32(out, param ? static_cast<std::int32_t>(param->size()) : -1);
    if (param) out.append(*param);
  }
  PutFormats(out, result_formats);
  EndMessage(out, start);
  return {};
}

Result<DecodedBind> Bind::Decode(std::string_view body) {
  Reader reader(body);
  DecodedBind bind;
  if (!reader.ReadCString(bind.portal) || !reader.ReadCString(bind.statement) ||
      !ReadFormats(reader, bind.param_formats) || !ReadParams(reader, bind.params) ||
      !FormatsFit(bind.param_formats.size(), bind.params.size()) ||
      !ReadFormats(reader, bind.result_formats) || !reader.AtEnd()) {
    return Malformed("Bind", "client");
  }
  return bind;
}

}  // namespace molt::db::postgres::protocol
