#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "molt/db/postgres/protocol/protocol_testing.h"

namespace molt::db::postgres::protocol {
namespace {

using std::string_literals::operator""s;
using std::string_view_literals::operator""sv;

template <class M>
std::string Encoded(const M& message) {
  std::string out;
  const Status status = message.Encode(out);
  EXPECT_TRUE(status) << status.error().message;
  return out;
}

// Encoders append, and on an error append nothing.
template <class M>
std::string EncodeError(const M& message) {
  std::string out = "before";
  const Status status = message.Encode(out);
  EXPECT_EQ(out, "before");
  if (status) return "";
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidQuery);
  return status.error().message;
}

const MessageKind& KindOf(std::string_view name) {
  const auto* kind =
      std::find_if(std::begin(kMessageKinds), std::end(kMessageKinds),
                   [&](const MessageKind& candidate) { return candidate.name == name; });
  EXPECT_NE(kind, std::end(kMessageKinds)) << name;
  return *kind;
}

struct Example {
  std::string_view name;
  std::string written;  // by an encoder here
  std::string wanted;   // composed by hand from the documentation

  [[nodiscard]] std::string Body() const {
    return KindOf(name).type == 0 ? wanted : wanted.substr(kHeaderBytes);
  }
};

std::vector<Example> ServerExamples() {
  const std::vector<std::optional<std::string_view>> cells = {"ab", std::nullopt, ""};
  return {
      {"BackendKeyData", Encoded(BackendKeyData{258, -2}),
       "K\0\0\0\x0C\0\0\x01\x02\xFF\xFF\xFF\xFE"s},
      {"BindComplete", Encoded(BindComplete{}), "2\0\0\0\4"s},
      {"CloseComplete", Encoded(CloseComplete{}), "3\0\0\0\4"s},
      {"CommandComplete", Encoded(CommandComplete{"SELECT 3"}), "C\0\0\0\x0DSELECT 3\0"s},
      {"CopyBothResponse", Encoded(CopyBothResponse{}), "W\0\0\0\7\0\0\0"s},
      {"CopyInResponse", Encoded(CopyInResponse{1, {1, 1}}), "G\0\0\0\x0B\x01\0\2\0\1\0\1"s},
      {"CopyOutResponse", Encoded(CopyOutResponse{0, {0}}), "H\0\0\0\x09\0\0\1\0\0"s},
      {"DataRow", Encoded(DataRow{cells}), "D\0\0\0\x14\0\3\0\0\0\2ab\xFF\xFF\xFF\xFF\0\0\0\0"s},
      {"DataRow", Encoded(DataRow{}), "D\0\0\0\6\0\0"s},
      {"EmptyQueryResponse", Encoded(EmptyQueryResponse{}), "I\0\0\0\4"s},
      {"ErrorResponse", Encoded(ErrorResponse{{{{'S', "ERROR"}, {'C', "42P01"}, {'D', ""}}}}),
       "E\0\0\0\x15SERROR\0C42P01\0D\0\0"s},
      {"NoData", Encoded(NoData{}), "n\0\0\0\4"s},
      {"NoticeResponse", Encoded(NoticeResponse{{{{'M', "hm"}}}}), "N\0\0\0\x09Mhm\0\0"s},
      {"NotificationResponse", Encoded(NotificationResponse{1, "jobs", "7"}),
       "A\0\0\0\x0F\0\0\0\1jobs\0"
       "7\0"s},
      {"ParameterDescription", Encoded(ParameterDescription{{23, 0}}),
       "t\0\0\0\x0E\0\2\0\0\0\x17\0\0\0\0"s},
      {"ParameterStatus", Encoded(ParameterStatus{"a", ""}), "S\0\0\0\7a\0\0"s},
      {"ParseComplete", Encoded(ParseComplete{}), "1\0\0\0\4"s},
      {"PortalSuspended", Encoded(PortalSuspended{}), "s\0\0\0\4"s},
      {"ReadyForQuery", Encoded(ReadyForQuery{kFailedTransaction}), "Z\0\0\0\5E"s},
      {"RowDescription",
       Encoded(RowDescription{{{"id", 0x80000001, 1, 20, 8, -1, 1}, {"", 0, 0, 25, -1, 4, 0}}}),
       "T\0\0\0\x2E\0\2id\0\x80\0\0\1\0\1\0\0\0\x14\0\x08\xFF\xFF\xFF\xFF\0\1"
       "\0\0\0\0\0\0\0\0\0\0\x19\xFF\xFF\0\0\0\4\0\0"s},
  };
}

std::vector<Example> ClientExamples() {
  const std::vector<std::uint32_t> types = {23, 0};
  const std::vector<std::int16_t> formats = {1, 0};
  const std::vector<std::optional<std::string_view>> params = {"\0\1"sv, std::nullopt};
  return {
      {"Bind", Encoded(Bind{"p", "s", formats, params, formats}),
       "B\0\0\0\x20p\0s\0\0\2\0\1\0\0\0\2\0\0\0\2\0\1\xFF\xFF\xFF\xFF\0\2\0\1\0\0"s},
      {"Bind", Encoded(Bind{}), "B\0\0\0\x0C\0\0\0\0\0\0\0\0"s},
      {"CancelRequest", Encoded(CancelRequest{1, -1}),
       "\0\0\0\x10\x04\xD2\x16\x2E\0\0\0\1\xFF\xFF\xFF\xFF"s},
      {"Close", Encoded(Close{kPortal, ""}), "C\0\0\0\6P\0"s},
      {"CopyData", Encoded(CopyData{"\0a"sv}), "d\0\0\0\6\0a"s},
      {"CopyDone", Encoded(CopyDone{}), "c\0\0\0\4"s},
      {"CopyFail", Encoded(CopyFail{"why"}), "f\0\0\0\x08why\0"s},
      {"Describe", Encoded(Describe{kStatement, "s1"}), "D\0\0\0\x08Ss1\0"s},
      {"Execute", Encoded(Execute{"p", 5}), "E\0\0\0\x0Ap\0\0\0\0\5"s},
      {"Flush", Encoded(Flush{}), "H\0\0\0\4"s},
      {"Parse", Encoded(Parse{"s1", "select $1", types}),
       "P\0\0\0\x1Bs1\0select $1\0\0\2\0\0\0\x17\0\0\0\0"s},
      {"SSLRequest", Encoded(SslRequest{}), "\0\0\0\x08\x04\xD2\x16\x2F"s},
      {"Sync", Encoded(Sync{}), "S\0\0\0\4"s},
      {"Terminate", Encoded(Terminate{}), "X\0\0\0\4"s},
  };
}

std::vector<Example> Examples() {
  std::vector<Example> examples = ServerExamples();
  std::ranges::move(ClientExamples(), std::back_inserter(examples));
  return examples;
}

TEST(Protocol, EveryMessageHasAnExample) {
  std::set<std::string_view> seen;
  for (const Example& example : Examples()) seen.insert(example.name);
  for (const MessageKind& kind : kMessageKinds) EXPECT_TRUE(seen.contains(kind.name)) << kind.name;
}

TEST(Protocol, EveryMessageIsWrittenAsDocumentedAndReadBack) {
  for (const Example& example : Examples()) {
    EXPECT_EQ(example.written, example.wanted) << example.name;
    const auto again = KindOf(example.name).recode(example.Body());
    ASSERT_TRUE(again) << example.name << ": " << again.error().message;
    EXPECT_EQ(*again, example.wanted) << example.name;
    if (KindOf(example.name).type != 0) {
      EXPECT_EQ(example.wanted.front(), KindOf(example.name).type);
    }
  }
}

void ExpectMalformed(const MessageKind& kind, const std::string& body) {
  // In memory of its own, so that the sanitizer sees what is read beyond the end.
  const std::vector<char> bytes(body.begin(), body.end());
  const auto read = kind.recode(std::string_view(bytes.data(), bytes.size()));
  ASSERT_FALSE(read) << kind.name << " of " << body.size() << " bytes";
  EXPECT_EQ(read.error().code, ErrorCode::kDatabase);
  EXPECT_EQ(read.error().sqlstate, "08P01");
  EXPECT_TRUE(read.error().message.ends_with(" sent a malformed " + std::string(kind.name)))
      << read.error().message;
}

TEST(Protocol, AMessageCutAnywhereIsMalformed) {
  for (const Example& example : Examples()) {
    if (example.name == "CopyData") continue;  // any body will do
    const std::string body = example.Body();
    for (std::size_t size = 0; size < body.size(); ++size) {
      ExpectMalformed(KindOf(example.name), body.substr(0, size));
    }
  }
}

TEST(Protocol, AMessageWithMoreThanItShouldHoldIsMalformed) {
  for (const Example& example : Examples()) {
    if (example.name == "CopyData") continue;
    for (const std::string& more : {"\0"s, "x"s, "\0\0\0\0"s}) {
      ExpectMalformed(KindOf(example.name), example.Body() + more);
    }
  }
}

TEST(Protocol, CountsThatCannotBeAreMalformed) {
  for (const std::string& count : {"\xFF\xFF"s, "\x80\0"s, "\x7F\xFF"s}) {
    ExpectMalformed(KindOf("RowDescription"), count + std::string(100, '\0'));
    ExpectMalformed(KindOf("DataRow"), count + std::string(100, '\0'));
    ExpectMalformed(KindOf("ParameterDescription"), count + std::string(100, '\0'));
    ExpectMalformed(KindOf("CopyOutResponse"), "\0"s + count + std::string(100, '\0'));
    ExpectMalformed(KindOf("Bind"), "\0\0"s + count + std::string(100, '\0'));
    ExpectMalformed(KindOf("Parse"), "\0\0"s + count + std::string(100, '\0'));
  }
}

TEST(Protocol, SizesThatCannotBeAreMalformed) {
  for (const std::string& size :
       {"\xFF\xFF\xFF\xFE"s, "\x80\0\0\0"s, "\x7F\xFF\xFF\xFF"s, "\0\0\0\5"s}) {
    ExpectMalformed(KindOf("DataRow"), "\0\1"s + size + "1234");
    ExpectMalformed(KindOf("Bind"), "\0\0\0\0\0\1"s + size + "1234");
  }
}

TEST(Protocol, ValuesOutsideTheirSetAreMalformed) {
  ExpectMalformed(KindOf("ReadyForQuery"), "X");
  ExpectMalformed(KindOf("Describe"), "X\0"s);
  ExpectMalformed(KindOf("CopyInResponse"), "\2\0\0"s);
  ExpectMalformed(KindOf("CopyInResponse"), "\0\0\1\0\2"s);
  ExpectMalformed(KindOf("RowDescription"), "\0\1"s + std::string(18, '\0') + "\2");
  // Two formats for one parameter.
  ExpectMalformed(KindOf("Bind"), "\0\0\0\2\0\0\0\0\0\1\0\0\0\0\0\0"s);
}

TEST(Protocol, ATextWithANulIsNeverWritten) {
  const std::string bad = "a\0b"s;
  const std::string_view why = "contains a NUL character, which PostgreSQL does not accept";
  for (const std::string& error :
       {EncodeError(Parse{bad, "", {}}), EncodeError(Parse{"", bad, {}}),
        EncodeError(Bind{bad, "", {}, {}, {}}), EncodeError(Bind{"", bad, {}, {}, {}}),
        EncodeError(Describe{kStatement, bad}), EncodeError(Close{kStatement, bad}),
        EncodeError(Execute{bad, 0}), EncodeError(CopyFail{bad}), EncodeError(CommandComplete{bad}),
        EncodeError(ParameterStatus{bad, ""}), EncodeError(ParameterStatus{"", bad}),
        EncodeError(NotificationResponse{0, bad, ""}),
        EncodeError(NotificationResponse{0, "", bad}),
        EncodeError(RowDescription{{{bad, 0, 0, 0, 0, 0, 0}}}),
        EncodeError(ErrorResponse{{{{'M', bad}}}}), EncodeError(NoticeResponse{{{{'\0', ""}}}})}) {
    EXPECT_TRUE(error.ends_with(why)) << error;
  }
}

TEST(Protocol, TheNumberOfParametersIsBounded) {
  const std::vector<std::optional<std::string_view>> params(65536);
  const std::vector<std::uint32_t> types(65536);
  const std::string why = "the statement has 65536 parameters; PostgreSQL takes at most 65535";
  EXPECT_EQ(EncodeError(Bind{"", "", {}, params, {}}), why);
  EXPECT_EQ(EncodeError(Parse{"", "", types}), why);

  const std::span fewer(params.data(), 65535);
  const auto bind = Bind::Decode(Encoded(Bind{"", "", {}, fewer, {}}).substr(kHeaderBytes));
  ASSERT_TRUE(bind);
  EXPECT_EQ(bind->params.size(), 65535U);
  const auto parse =
      Parse::Decode(Encoded(Parse{"", "", std::span(types.data(), 65535)}).substr(kHeaderBytes));
  ASSERT_TRUE(parse);
  EXPECT_EQ(parse->types.size(), 65535U);
}

TEST(Protocol, AMessageThatAServerWouldDropTheConnectionForIsRefused) {
  // The same 64 MB again and again: a message of more than 1 GiB without as much memory.
  const std::string large(std::size_t{1} << 26, 'x');
  const std::vector<std::optional<std::string_view>> params(16, large);
  EXPECT_EQ(EncodeError(Bind{"", "", {}, params, {}}),
            "the text of all parameters together is too long for PostgreSQL: 1073741900 bytes, at "
            "most 1073741822");

  const std::string name(9995, 'n');  // with kind, NUL and length one more than 10,000
  EXPECT_NE(EncodeError(Describe{kStatement, name}), "");
  EXPECT_NE(EncodeError(Close{kPortal, name}), "");
  EXPECT_NE(EncodeError(Execute{name, 0}), "");
  EXPECT_EQ(EncodeError(CopyFail{name + "n"}).substr(0, 10), "the reason");
  EXPECT_EQ(Encoded(Describe{kStatement, std::string_view(name).substr(1)}).size(), 10'001U);
}

TEST(Protocol, BindKnowsWhenItsCallerIsWrong) {
  const std::vector<std::int16_t> formats(2);
  const std::vector<std::optional<std::string_view>> params(3);
  std::string out;
  const Status status = Bind{"", "", formats, params, {}}.Encode(out);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kInternal);
  EXPECT_EQ(out, "");
}

TEST(DataRowReader, GivesNoCellThatReachesBeyondTheRow) {
  const std::string body = "\0\1\0\0\0\5abcd"s;
  DataRowReader row;
  std::int16_t count = 0;
  bool is_null = false;
  std::string_view cell;
  ASSERT_TRUE(row.Open(body, count));
  EXPECT_EQ(count, 1);
  EXPECT_FALSE(row.Next(is_null, cell));
  EXPECT_EQ(cell, "");
  EXPECT_FALSE(row.AtEnd());
}

TEST(DataRowReader, CellsBeyondTheCountAreSeenAtTheEnd) {
  const std::string body = "\0\1\xFF\xFF\xFF\xFF\0\0\0\0"s;
  DataRowReader row;
  std::int16_t count = 0;
  bool is_null = false;
  std::string_view cell = "old";
  ASSERT_TRUE(row.Open(body, count));
  ASSERT_TRUE(row.Next(is_null, cell));
  EXPECT_TRUE(is_null);
  EXPECT_EQ(cell, "");
  EXPECT_FALSE(row.AtEnd());
}

TEST(CommandComplete, CountsRows) {
  const auto rows = [](std::string tag) { return CommandComplete{std::move(tag)}.Rows(); };
  EXPECT_EQ(rows("INSERT 0 5"), 5);
  EXPECT_EQ(rows("SELECT 3"), 3);
  EXPECT_EQ(rows("UPDATE 2"), 2);
  EXPECT_EQ(rows("COPY 10"), 10);
  EXPECT_EQ(rows("DELETE 9223372036854775807"), 9223372036854775807);
  EXPECT_EQ(rows("INSERT 0 0"), 0);
  for (const char* tag : {"", "BEGIN", "CREATE TABLE", "SELECT ", "SELECT 3x", "SELECT -3",
                          "SELECT 9223372036854775808", "SELECT +3"}) {
    EXPECT_EQ(rows(tag), 0) << tag;
  }
}

TEST(ErrorResponse, HasAnAccessorPerField) {
  ErrorResponse error;
  for (const char code : "SVCMDHPpqWstcdnFLR"s) error.fields.push_back({code, {code}});
  error.fields[6].value = "12";
  error.fields[7].value = "34";
  const auto again = ErrorResponse::Decode(Encoded(error).substr(kHeaderBytes));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->fields, error.fields);
  EXPECT_EQ(again->severity(), "V");
  EXPECT_EQ(again->sqlstate(), "C");
  EXPECT_EQ(again->message(), "M");
  EXPECT_EQ(again->detail(), "D");
  EXPECT_EQ(again->hint(), "H");
  EXPECT_EQ(again->position(), 12);
  EXPECT_EQ(again->internal_position(), 34);
  EXPECT_EQ(again->internal_query(), "q");
  EXPECT_EQ(again->where(), "W");
  EXPECT_EQ(again->schema(), "s");
  EXPECT_EQ(again->table(), "t");
  EXPECT_EQ(again->column(), "c");
  EXPECT_EQ(again->data_type(), "d");
  EXPECT_EQ(again->constraint(), "n");
  EXPECT_EQ(again->file(), "F");
  EXPECT_EQ(again->line(), "L");
  EXPECT_EQ(again->routine(), "R");
}

TEST(ErrorResponse, DoesWithoutMostFields) {
  const ErrorResponse error{{{{'S', "FEHLER"}, {'P', "x"}, {'p', "-1"}, {'?', "new"}}}};
  EXPECT_EQ(error.severity(), "FEHLER");
  EXPECT_EQ(error.position(), 0);
  EXPECT_EQ(error.internal_position(), 0);
  EXPECT_EQ(error.detail(), "");
  EXPECT_EQ(error.Get('?'), "new");
  EXPECT_TRUE(ErrorResponse::Decode("\0"s));
}

}  // namespace
}  // namespace molt::db::postgres::protocol
