// Codes of the room's diagnostics, one for each reason.
#pragma once

namespace tilewright::schedule::codes {

inline constexpr const char* kNoRootBlock = "S0100";
inline constexpr const char* kUnknownBlock = "S0101";
inline constexpr const char* kAmbiguousBlock = "S0102";
inline constexpr const char* kStaleLoop = "S0103";
inline constexpr const char* kStaleBlock = "S0104";
inline constexpr const char* kBadHandle = "S0105";
inline constexpr const char* kWrongCount = "S0106";
inline constexpr const char* kCarriesReduction = "S0107";
inline constexpr const char* kCarriesDependence = "S0108";
inline constexpr const char* kOpaqueIterator = "S0109";
inline constexpr const char* kLoopNotSerial = "S0110";
inline constexpr const char* kLoopAnnotated = "S0111";
inline constexpr const char* kSeveralInferred = "S0112";
inline constexpr const char* kBadFactor = "S0113";
inline constexpr const char* kProductTooSmall = "S0114";
inline constexpr const char* kNoLoops = "S0115";
inline constexpr const char* kNotNested = "S0116";
inline constexpr const char* kDependentRange = "S0117";
inline constexpr const char* kLoopTwice = "S0118";
inline constexpr const char* kNotOneChain = "S0119";
inline constexpr const char* kReorderRange = "S0120";
inline constexpr const char* kReorderDependence = "S0121";
inline constexpr const char* kReorderNotAffine = "S0122";
inline constexpr const char* kNotConstant = "S0123";
inline constexpr const char* kUnknownThread = "S0124";
inline constexpr const char* kSampleSymbolic = "S0125";
inline constexpr const char* kInvalidDecision = "S0126";
inline constexpr const char* kBadProbabilities = "S0127";
inline constexpr const char* kBadAnnotation = "S0128";
inline constexpr const char* kNoAnnotation = "S0129";
inline constexpr const char* kBadSampleArgument = "S0130";
// Traces
inline constexpr const char* kNoDecision = "S0140";
inline constexpr const char* kBadTraceText = "S0141";
inline constexpr const char* kBadInstruction = "S0142";
inline constexpr const char* kOutputCount = "S0143";
// Stage style
inline constexpr const char* kUnknownStage = "S0145";
inline constexpr const char* kForeignAxis = "S0146";
inline constexpr const char* kNoReduceAxis = "S0147";
inline constexpr const char* kNoAxis = "S0148";
// Compute location
inline constexpr const char* kNotCompleteNorReduction = "S0150";
inline constexpr const char* kNoStagePipeline = "S0151";
inline constexpr const char* kOtherScope = "S0152";
inline constexpr const char* kOutputBlock = "S0153";
inline constexpr const char* kConsumerElsewhere = "S0154";
inline constexpr const char* kNoConsumer = "S0155";
inline constexpr const char* kProducerAfter = "S0156";
inline constexpr const char* kRacesAtLoop = "S0157";
inline constexpr const char* kProducerElsewhere = "S0158";
inline constexpr const char* kOrderViolated = "S0159";
// Inlining
inline constexpr const char* kNotComplete = "S0160";
inline constexpr const char* kNotOneStore = "S0161";
inline constexpr const char* kIndicesNotIterators = "S0162";
inline constexpr const char* kInlineOutput = "S0163";
inline constexpr const char* kOtherUses = "S0164";
inline constexpr const char* kNotOneProducer = "S0165";
inline constexpr const char* kProducerNotComplete = "S0166";
inline constexpr const char* kNotInvertible = "S0167";
inline constexpr const char* kNotCovered = "S0168";
// Caches
inline constexpr const char* kNoSuchRegion = "S0170";
inline constexpr const char* kSeveralWriters = "S0171";
inline constexpr const char* kCachePipeline = "S0172";
inline constexpr const char* kNotAConsumer = "S0173";
inline constexpr const char* kBadScope = "S0174";
// Reductions
inline constexpr const char* kNotReductionBelow = "S0180";
inline constexpr const char* kLoopNotReduce = "S0181";
inline constexpr const char* kRfactorPipeline = "S0182";
inline constexpr const char* kUnknownReducer = "S0183";
inline constexpr const char* kAxisOutOfRange = "S0184";
inline constexpr const char* kNotReduction = "S0185";
inline constexpr const char* kLoopNotAround = "S0186";
inline constexpr const char* kReduceLoopAbove = "S0187";
// Layout and storage
inline constexpr const char* kLayoutNoRegion = "S0190";
inline constexpr const char* kLayoutSyntax = "S0191";
inline constexpr const char* kLayoutRank = "S0192";
inline constexpr const char* kLayoutNotInjective = "S0193";
inline constexpr const char* kLayoutTwice = "S0194";
inline constexpr const char* kScopeOfParameter = "S0195";

}  // namespace tilewright::schedule::codes
