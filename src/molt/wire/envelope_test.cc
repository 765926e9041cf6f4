#include "molt/wire/envelope.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "molt/wire/frame.h"

namespace molt::wire {
namespace {

constexpr WireFormat kFormats[] = {WireFormat::kMsgPack, WireFormat::kJson};

std::string_view Body(const std::string& frame) {
  return std::string_view(frame).substr(kFrameHeaderBytes);
}

Request SomeRequest() {
  Request request;
  request.request_id = 0xFFFF'FFFF'FFFF'FFFF;
  request.entry = "db_query";
  request.timeout_ms = 4'294'967'295;
  request.codec = PayloadCodec::kJson;
  request.payload = std::string("\0{\"sql\"}\xff", 9);
  return request;
}

TEST(EnvelopeTest, ARequestIsReadAsItWasWritten) {
  for (const WireFormat format : kFormats) {
    for (const bool is_streamed : {false, true}) {
      Request request = SomeRequest();
      if (is_streamed) request.stream_window = kStreamWindowMax;
      std::string frame;
      WriteRequest(request, format, frame);
      const ReceivedRequest read = ReadRequest(Body(frame));
      EXPECT_EQ(read.problem, "");
      EXPECT_EQ(read.format, format);
      EXPECT_EQ(read.request.request_id, request.request_id);
      EXPECT_EQ(read.request.entry, request.entry);
      EXPECT_EQ(read.request.timeout_ms, request.timeout_ms);
      EXPECT_EQ(read.request.codec, request.codec);
      EXPECT_EQ(read.request.payload, request.payload);
      EXPECT_EQ(read.request.stream_window, request.stream_window);
    }
  }
}

TEST(EnvelopeTest, AReplyIsReadAsItWasWritten) {
  for (const WireFormat format : kFormats) {
    Response response;
    response.request_id = 7;
    response.codec = PayloadCodec::kArrowIpc;
    response.payload = std::string("\0\xff", 2);
    response.entry = "db_query";
    response.metrics.queue_us = 12;
    response.part = {3, true};
    std::string frame;
    WriteResponse(response, format, frame);
    const auto read = ReadResponse(Body(frame));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->response.request_id, 7U);
    EXPECT_EQ(read->response.status, ResponseStatus::kOk);
    EXPECT_EQ(read->response.codec, PayloadCodec::kArrowIpc);
    EXPECT_EQ(read->response.payload, response.payload);
    ASSERT_TRUE(read->response.part);
    EXPECT_EQ(read->response.part->seq, 3U);
    EXPECT_TRUE(read->response.part->more);
    const types::Document metrics(read->metrics);
    ASSERT_NE(metrics.Find("queue_us"), nullptr);
    EXPECT_EQ(metrics.Find("queue_us")->AsInt64(), 12);
  }
}

TEST(EnvelopeTest, EveryErrorComesBackAsItWas) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    const Error error{static_cast<ErrorCode>(code), "what was wrong", "23505", false};
    for (const WireFormat format : kFormats) {
      Response response;
      SetError(error, response);
      std::string frame;
      WriteResponse(response, format, frame);
      const auto read = ReadResponse(Body(frame));
      ASSERT_TRUE(read);
      const Error back = ErrorOf(read->response);
      EXPECT_EQ(back.code, error.code);
      EXPECT_EQ(back.message, error.message);
      EXPECT_EQ(back.sqlstate, error.sqlstate);
    }
  }
}

TEST(EnvelopeTest, AWorkerThatSaysOnlyAStatusIsUnderstood) {
  Response response;
  response.status = ResponseStatus::kBusy;
  response.error = "later";
  EXPECT_EQ(ErrorOf(response).code, ErrorCode::kBusy);
  EXPECT_TRUE(ErrorOf(response).retryable);
  // A code that does not belong to the status is not believed.
  response.error_code = "Database";
  EXPECT_EQ(ErrorOf(response).code, ErrorCode::kBusy);
}

TEST(EnvelopeTest, TheIdIsFoundInARequestThatIsWrongOtherwise) {
  const ReceivedRequest read =
      ReadRequest(R"({"entry": 5, "request_id": 18446744073709551615, "codec": "x"})");
  EXPECT_EQ(read.request.request_id, 18446744073709551615U);
  EXPECT_NE(read.problem.find("entry"), std::string::npos) << read.problem;
}

// A MsgPack map of so many pairs, which follow.
std::string MapOf(char pairs, const std::string& fields) { return char(0x80 + pairs) + fields; }

TEST(EnvelopeTest, TheIdIsKnownOfARequestWithAKeyTwice) {
  const std::string id = "\xaarequest_id\x07";
  const std::string entry =
      "\xa5"
      "entry\xa1x";
  for (const std::string& body :
       {MapOf(3, id + entry + entry), MapOf(3, entry + entry + id), MapOf(4, id + entry + entry),
        MapOf(2, id + "\xa1x" + MapOf(2, entry + entry)),
        std::string(R"({"request_id":7,"entry":"a","entry":"b"})"),
        std::string(R"({"entry":"a","entry":"b","request_id":7})"),
        std::string(R"({"request_id":7,"x":{"a":1,"a":1},"entry":"b"})")}) {
    const ReceivedRequest read = ReadRequest(body);
    EXPECT_EQ(read.request.request_id, 7U) << body;
    EXPECT_NE(read.problem, "") << body;
  }
}

TEST(EnvelopeTest, AnIdThatIsThereTwiceIsNone) {
  const std::string id = "\xaarequest_id";
  for (const std::string& body :
       {MapOf(2, id + "\x07" + id + "\x07"), MapOf(2, id + "\x07" + id + "\x08"),
        MapOf(3, id + "\x07" + id + "\x08"),  // and then it breaks off
        std::string(R"({"request_id":7,"request_id":7})"),
        std::string(R"({"request_id":7,"request_id":8,"entry":)")}) {
    const ReceivedRequest read = ReadRequest(body);
    EXPECT_EQ(read.request.request_id, 0U) << body;
    EXPECT_NE(read.problem, "") << body;
  }
}

TEST(EnvelopeTest, TheIdIsKnownOfARequestThatMoreFollows) {
  EXPECT_EQ(ReadRequest(MapOf(1, "\xaarequest_id\x07") + "\xc0").request.request_id, 7U);
  EXPECT_EQ(ReadRequest(R"({"request_id":7}{})").request.request_id, 7U);
}

TEST(EnvelopeTest, WhatIsWrongIsNamed) {
  const auto problem = [](std::string_view body) { return ReadRequest(body).problem; };
  const std::string rest = R"("entry":"e","timeout_ms":0,"codec":"raw"})";
  EXPECT_EQ(problem(R"({"request_id":1,)" + rest), "");
  EXPECT_NE(problem(R"({)" + rest).find("request_id"), std::string::npos);
  EXPECT_NE(problem(R"({"request_id":-1,)" + rest).find("request_id"), std::string::npos);
  EXPECT_NE(problem(R"({"request_id":1.5,)" + rest).find("request_id"), std::string::npos);
  EXPECT_NE(problem(R"({"request_id":1,"payload_b64":"?",)" + rest).find("payload_b64"),
            std::string::npos);
  EXPECT_NE(problem(R"({"request_id":1,"stream":{"window":0},)" + rest).find("stream"),
            std::string::npos);
  EXPECT_NE(problem("\x93\x01\x02\x03"), "");
  EXPECT_NE(problem(""), "");
}

}  // namespace
}  // namespace molt::wire
