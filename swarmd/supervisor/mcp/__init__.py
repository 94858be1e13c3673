"""The MCP server: the swarm for agents, over stdin and stdout, as tools and resources with typed answers.

It reads the journal as every viewer does and asks the daemon through the inbox as every verb does; nothing is decided
here, and no state is kept but the drafts. The SDK is an extra and is imported in ``server`` alone.
"""
