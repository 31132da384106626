// SPDX-License-Identifier: Apache-2.0

import Testing
import UpdateCoding

@Suite struct CodecRegistryTests {
    @Test(
        arguments: TestVectors.specifications + [
            "ecdq:bits=2+ef21", "topk:fraction=0.01+ef14", "stc:fraction=0.001+dgc:momentum=0.9,warmup=40",
            "topk:fraction=0.00001+ef14:age=5", "eden:bits=2,scale=mse+allocation:method=joint+importance:bias=4+ef14",
            "ecdq:bits=2+adaptive:minimum=1,maximum=4,tolerance=0.05,updates=20",
        ]
    )
    func canonicalTextParsesToItself(_ specification: String) throws {
        #expect(try CodecRegistry.codec(specification).specification == specification)
        #expect(try CodecRegistry.encoder(specification).specification == specification)
    }

    @Test(arguments: [
        ("ecdq:bits=2.0", "ecdq:bits=2"), ("ecdq:scale=unbiased,error=0.10", "ecdq:error=0.1"),
        ("topk:fraction=0.0100,floor=0.0002", "topk:fraction=0.01"),
        ("topk:fraction=0.01+dgc", "topk:fraction=0.01+dgc:momentum=0.9"),
        ("summable:norm=1,bits=8", "summable:bits=8,norm=1"),
    ])
    func otherSpellingsBecomeCanonical(_ pair: (String, String)) throws {
        #expect(try CodecRegistry.codec(pair.0).specification == pair.1)
    }

    @Test func unknownNamesAreRefusedWithTheKnownOnes() throws {
        let error = #expect(throws: UpdateCodingError.self) { try CodecRegistry.codec("ecqd:bits=2") }
        #expect(error?.code == .unknownCodec)
        for name in CodecRegistry.codecNames { #expect(error?.message.contains(name) == true) }
        let wrapper = #expect(throws: UpdateCodingError.self) { try CodecRegistry.codec("int8+ef12") }
        #expect(wrapper?.message.contains("ef14, ef21, dgc, adaptive") == true)
        let key = #expect(throws: UpdateCodingError.self) { try CodecRegistry.codec("ecdq:bit=2") }
        #expect(key?.message.contains("bits, error, scale") == true)
    }

    @Test(arguments: [
        "", "+", "ecdq", "ecdq:", "ecdq:bits", "ecdq:bits=", "ecdq:bits=0", "ecdq:bits=-2", "ecdq:bits=nan",
        "ecdq:bits=1e1",
        "ecdq:bits=2,bits=2", "ecdq:bits=2,error=0.1", "eden:bits=9", "eden:bits=.5", "int8:x=1", "topk:fraction=2",
        "powersgd:rank=1.5", "int8+dgc", "topk:fraction=0.1+ef14+ef21", "ecdq:bits=2 ", "eden:bits=2,scale=best",
        "ecdq:bits=2+allocation", "ecdq:bits=2+importance", "ecdq:bits=2+importance:bias=0", "int8+importance:kernel=2",
        "ecdq:error=0.1+adaptive", "eden:bits=2+adaptive", "ecdq:bits=2+adaptive:minimum=5,maximum=4",
        "ecdq:bits=2+ef14+importance:bias=4", "int8+importance:bias=2+importance:bias=2",
    ])
    func malformedTextIsRefused(_ specification: String) {
        let error = #expect(throws: UpdateCodingError.self) { try CodecRegistry.codec(specification) }
        #expect(error?.code == .unknownCodec)
    }

    @Test func examplesParse() throws {
        for example in CodecRegistry.examples { #expect(try CodecRegistry.codec(example).specification == example) }
    }
}
