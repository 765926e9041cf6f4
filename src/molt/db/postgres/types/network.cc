// inet and cidr.
// Source: network_send and network_recv in network.c, and inet_net_ntop.c for the text.
#include <arpa/inet.h>

#include <charconv>
#include <cstdint>
#include <variant>

#include "molt/db/postgres/types/type_codec.h"
#include "molt/db/postgres/types/wire_bytes.h"

namespace molt::db::postgres {

namespace {

using types::Inet;
using types::TypeId;
using types::Value;

constexpr std::size_t kHeaderBytes = 4;  // family, bits, whether cidr, how many bytes follow
constexpr char kFamily4 = 2;             // as the server has them, whatever its system's are
constexpr char kFamily6 = 3;
constexpr std::size_t kBytes4 = 4;
constexpr std::size_t kBytes6 = 16;
constexpr std::size_t kWords6 = 8;

void AppendNumber(unsigned number, int base, std::string& text) {
  char digits[8];
  text.append(digits, std::to_chars(digits, digits + sizeof(digits), number, base).ptr);
}

void AppendV4(const char* address, std::string& text) {
  for (std::size_t i = 0; i < kBytes4; ++i) {
    if (i > 0) text += '.';
    AppendNumber(static_cast<unsigned char>(address[i]), 10, text);
  }
}

// Words that are zero and that "::" stands for: the longest run of two or more, the first of these.
struct Run {
  std::size_t begin = kWords6;
  std::size_t length = 0;
};
Run LongestZeros(const char* address) {
  Run best;
  Run run;
  for (std::size_t i = 0; i < kWords6; ++i) {
    if (protocol::LoadUInt16(address + 2 * i) != 0) {
      run.length = 0;
      continue;
    }
    if (run.length++ == 0) run.begin = i;
    if (run.length > best.length) best = run;
  }
  return best.length < 2 ? Run() : best;
}

// Whether the last two words are printed as an IPv4 address.
bool EndsInV4(const char* address, const Run& zeros) {
  if (zeros.begin != 0) return false;
  return zeros.length == 6 || (zeros.length == 7 && protocol::LoadUInt16(address + 14) != 1) ||
         (zeros.length == 5 && protocol::LoadUInt16(address + 10) == 0xFFFF);
}

void AppendV6(const char* address, std::string& text) {
  const Run zeros = LongestZeros(address);
  for (std::size_t i = 0; i < kWords6; ++i) {
    if (i >= zeros.begin && i < zeros.begin + zeros.length) {
      if (i == zeros.begin) text += ':';
      continue;
    }
    if (i > 0) text += ':';
    if (i == 6 && EndsInV4(address, zeros)) return AppendV4(address + 12, text);
    AppendNumber(protocol::LoadUInt16(address + 2 * i), 16, text);
  }
  if (zeros.length > 0 && zeros.begin + zeros.length == kWords6) text += ':';
}

// A mask that leaves nothing out is printed of networks only.
bool ToText(std::string_view cell, bool is_network, std::string& text) {
  if (cell.size() < kHeaderBytes) return false;
  const bool is_v4 = cell[0] == kFamily4;
  if (!is_v4 && cell[0] != kFamily6) return false;
  const std::size_t size = is_v4 ? kBytes4 : kBytes6;
  const auto bits = static_cast<unsigned char>(cell[1]);
  if (bits > size * 8 || static_cast<unsigned char>(cell[3]) != size ||
      cell.size() != kHeaderBytes + size) {
    return false;
  }
  const char* address = cell.data() + kHeaderBytes;
  if (is_v4) {
    AppendV4(address, text);
  } else {
    AppendV6(address, text);
  }
  if (is_network || bits < size * 8) {
    text += '/';
    AppendNumber(bits, 10, text);
  }
  return true;
}

bool Append(const Decoder& self, std::string_view cell, types::ColumnBuilder& out) {
  std::string text;
  if (!ToText(cell, self.type.is_network(), text)) return false;
  out.AppendBytes(text);
  return true;
}

bool Read(const Decoder& self, std::string_view cell, Value& out) {
  Inet inet{{}, self.type.is_network()};
  if (!ToText(cell, inet.is_network, inet.text)) return false;
  out = std::move(inet);
  return true;
}

// The address and mask that `text` is, if that is as plain as Python prints it.
bool PutAddress(std::string_view text, bool is_cidr, std::string& out) {
  const std::size_t slash = text.find('/');
  const std::string host(text.substr(0, slash));
  const bool is_v4 = host.find(':') == std::string::npos;
  const std::size_t size = is_v4 ? kBytes4 : kBytes6;
  char address[kBytes6];
  if (host.find('\0') != std::string::npos ||
      inet_pton(is_v4 ? AF_INET : AF_INET6, host.c_str(), address) != 1) {
    return false;
  }
  unsigned bits = static_cast<unsigned>(size) * 8;
  if (slash != std::string_view::npos) {
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data() + slash + 1, end, bits);
    if (read.ec != std::errc() || read.ptr != end || bits > size * 8) return false;
  }
  out += is_v4 ? kFamily4 : kFamily6;
  out += static_cast<char>(bits);
  out += static_cast<char>(is_cidr);
  out += static_cast<char>(size);
  out.append(address, size);
  return true;
}

EncodeOutcome Encode(const TypeEntry& target, const Value& value, std::string& out) {
  const auto* inet = std::get_if<Inet>(&value);
  if (inet == nullptr) return EncodeOutcome::kMismatch;
  // An interface has host bits, which a network must not have: it is declared as what it is.
  const bool is_interface = !inet->is_network && inet->text.find('/') != std::string::npos;
  if (is_interface && target.codec == &kCidrCodec) return EncodeOutcome::kMismatch;
  if (PutAddress(inet->text, target.codec == &kCidrCodec, out)) return EncodeOutcome::kBinary;
  out += inet->text;  // for the server to parse, or to say what is wrong with it
  return EncodeOutcome::kText;
}

}  // namespace

constinit const TypeCodec kInetCodec = {TypeId::kInet, Format::kBinary, TextParam::kText, Append,
                                        Read,          Encode};
constinit const TypeCodec kCidrCodec = {TypeId::kInet, Format::kBinary, TextParam::kText, Append,
                                        Read,          Encode};

}  // namespace molt::db::postgres
