"""THE LOOP: the nodes a run passes, and the one rule that says where it goes on.

     OBSERVE                ORIENT                       DECIDE                          ACT
     accept -> correlate -> evaluator ------> planner -> generate -> guard ----> tools -> reflect -> verify -> final
     (before the graph)     triage, runbook   (plan)     next command | ask -----^  |  ^      |        | no
                            mode: plan | fast | end                   | deny        |  +------+-> revise  +-> undo

The next node is a field of the stored run, written in one transaction with the result of the node before it. The
router reads that field and derives nothing; there is no checkpointer (LangGraph's resume runs a node again from its
top and would repeat effects). One invocation is one step cycle, generate .. reflect or revise; the worker invokes
again while the run goes on, so that LangGraph's recursion limit is only a backstop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import TYPE_CHECKING, TypeAlias, TypedDict

from opsagent.domain.run import Node, RunStatus
from opsagent.loop.act import tools
from opsagent.loop.choose import generate
from opsagent.loop.decide import guard
from opsagent.loop.drive import Drive, StoppedThinking
from opsagent.loop.holding import end
from opsagent.loop.orient import evaluator, planner
from opsagent.loop.settle import final, undo, verify
from opsagent.loop.split import subtasks
from opsagent.loop.weigh import reflect, revise

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

RECURSION_LIMIT = 50
OVER = "__end__"  # what LangGraph calls END

NODES: dict[Node, Callable[[Drive], Awaitable[None]]] = {
    Node.EVALUATOR: evaluator,
    Node.PLANNER: planner,
    Node.GENERATE: generate,
    Node.GUARD: guard,
    Node.TOOLS: tools,
    Node.REFLECT: reflect,
    Node.REVISE: revise,
    Node.SUBTASKS: subtasks,
    Node.VERIFY: verify,
    Node.UNDO: undo,
    Node.FINAL: final,
}


class Place(TypedDict):
    """Where the run stands in this invocation: all there is to know is in the store."""

    next: str


Loop: TypeAlias = "CompiledStateGraph[Place, Drive, Place, Place]"


def build_loop() -> Loop:
    """The compiled graph; it holds nothing of any run and serves all of them at once.

    LangGraph is imported here, about a second, so that commands which drive no run do not wait for it.
    """
    from langgraph.graph import END, START, StateGraph

    graph: StateGraph[Place, Drive, Place, Place] = StateGraph(Place, context_schema=Drive)
    targets: dict[Hashable, str] = {**{node.value: node.value for node in NODES}, END: END}
    for node, act in NODES.items():
        graph.add_node(node.value, _passing(node, act))
        graph.add_conditional_edges(node.value, _onward, targets)
    graph.add_conditional_edges(START, _onward, targets)
    return graph.compile()


async def step_cycle(loop: Loop, drive: Drive) -> None:
    """Drive the run from its stored next node through one step cycle, to a park, or to its end."""
    from langsmith import tracing_context

    place = Place(next=drive.run.next_node.value)
    with tracing_context(enabled=False):  # LangGraph would send runs away where LANGSMITH_TRACING happens to be set
        await loop.ainvoke(place, context=drive, config={"recursion_limit": RECURSION_LIMIT})


def _passing(node: Node, act: Callable[[Drive], Awaitable[None]]) -> Callable[..., Awaitable[Place]]:
    from langgraph.runtime import Runtime

    async def passing(state: Place, *, runtime: Runtime[Drive]) -> Place:  # noqa: ARG001 - LangGraph passes it by name
        drive = runtime.context
        try:
            await act(drive)
        except StoppedThinking:
            await end(drive, RunStatus.CANCELLED, "A person cancelled it.")
        again = drive.run.next_node is node  # asked once more, with what it wanted to read
        over = drive.parked or drive.run.ended or again or node in (Node.REFLECT, Node.REVISE)
        return Place(next=OVER if over else drive.run.next_node.value)

    return passing


async def _onward(place: Place) -> str:
    return place["next"]  # async although it waits for nothing: LangGraph hands a plain function to a thread
