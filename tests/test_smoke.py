from tests.client import ASSIGNMENTS, NOT_FOUND, refusal
def test_flow(as_olive, as_pat, pat, north, river, sam_north):
    a=as_olive.post(ASSIGNMENTS+"?include=users,warehouses",{"userUuid":str(pat.uuid),"warehouse":{"uuid":str(north.uuid)},"isActive":"true"})
    assert a.status_code==201,a.content
    print(a.json(), a.headers)
    b=as_olive.post(ASSIGNMENTS,{"userUuid":str(pat.uuid),"warehouse":{"uuid":str(river.uuid)},"isActive":True})
    print(as_olive.get(ASSIGNMENTS).json())
    for q in ["?page[limit]=1","?page[limit]=1&sort=-warehouse.name&include=users","?page[offset]=1&page[limit]=1&page[total]=true", "?filter[warehouse-user-assignments.isActive]=no"]:
        r=as_olive.get(ASSIGNMENTS+q); print(r.status_code, r.json())
        while n:=r.json()["links"].get("next"):
            r=as_olive.get(n.removeprefix("http://testserver")); print(n,r.status_code, [x["id"] for x in r.json()["data"]], r.json()["links"].keys())
    i=b.json()["data"]["id"]
    r=as_pat.patch(ASSIGNMENTS+"/"+i,{"isActive":True}); print(r.status_code,r.json())
    r=as_pat.call("POST","/warehouse-tokens"); print(r.status_code,r.content)
    from assignments.tokens import holds
    t=r.json()[0]["accessToken"]; assert holds(t)
    as_olive.delete(ASSIGNMENTS+"/"+i); assert not holds(t)
    print(as_pat.get(f"{ASSIGNMENTS}/{sam_north.uuid}").content)
    assert refusal(as_pat.get(f"{ASSIGNMENTS}/{sam_north.uuid}"))==[NOT_FOUND]
    print(as_olive.post(ASSIGNMENTS,{"userUuid":5}).json())
    print(as_olive.get("/users").json(), as_pat.get("/warehouses/").json())
    for m,p in [("GET","/nope"),("PUT",ASSIGNMENTS),("GET","/token"),("GET","/warehouse-tokens"),("OPTIONS","/token")]:
        r=as_olive.call(m,p); print(m,p,r.status_code,r.content,r.headers)
